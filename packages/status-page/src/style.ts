/** The page's whole look. A colour is never alone: marks have shapes, and words stand beside them. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#16202b, #e8edf3); --muted: light-dark(#566270, #9caab9);
  --page: light-dark(#f4f5f7, #0d1218); --card: light-dark(#ffffff, #151c25); --line: light-dark(#e3e7ec, #26313d);
  --good: light-dark(#0b6e46, #57d19a); --warn: light-dark(#8a5300, #f0b84a); --bad: light-dark(#b3201a, #ff8f86);
  --plain: light-dark(#2a64a5, #79b6f5); --wash-good: light-dark(#e8f5ee, #12291f); --wash-warn: light-dark(#fdf3e1, #2b2212);
  --wash-bad: light-dark(#fdecea, #301817); --track: light-dark(#e6eaef, #26313d);
}
* { box-sizing: border-box }
html { scroll-behavior: smooth }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 Inter, system-ui, sans-serif; -webkit-text-size-adjust: 100% }
main, .top, .foot { max-width: 74rem; margin: 0 auto; padding: 0 1.5rem }
a { color: inherit; text-decoration-color: var(--muted); text-underline-offset: .2em }
a:hover { text-decoration-color: currentColor }
:focus-visible { outline: 2px solid var(--plain); outline-offset: 2px; border-radius: .2rem }
h1, h2, h3, p, ul, figure, dl { margin: 0; padding: 0 }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.skip { position: absolute; left: -100rem } .skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--card); z-index: 1 }
.defs { position: absolute }
.note { color: var(--muted); font-size: .87rem; font-weight: 400 } .block { display: block }
.empty { color: var(--muted) }
code { font: .88em/1.4 ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere }
.number, .figure, .percent, .axis, .date, strong { font-variant-numeric: tabular-nums }

.top { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; justify-content: space-between; align-items: baseline; padding-top: 1.4rem; font-size: .87rem; color: var(--muted) }
.top strong { color: var(--ink); font-weight: 650; letter-spacing: .01em }
.live { display: inline-flex; gap: .5em; align-items: center }
.live::before { content: ''; width: .5rem; height: .5rem; border: 1.5px solid var(--muted); border-radius: 50% }
.live[data-state=live]::before { background: var(--good); border-color: var(--good) }
.live[data-state=lost]::before { border-color: var(--warn); border-radius: 0; rotate: 45deg }

.verdict { padding: 2.2rem 0 2.4rem }
.verdict h1 { font-size: clamp(2rem, 5vw, 3rem); line-height: 1.1; letter-spacing: -.025em; font-weight: 680; display: flex; gap: .35em; align-items: center }
.verdict h1 .mark { width: .86em; height: .86em }
.lead { font-size: 1.06rem; text-wrap: pretty; max-width: 46rem } .verdict .lead { color: var(--muted); margin-top: .7rem }
.findings { list-style: none; display: grid; gap: .5rem; margin-top: 1.3rem }
.findings li { display: flex; gap: .7em; padding: .6rem .9rem; border-radius: .5rem; overflow-wrap: anywhere; min-width: 0 }
.findings li > span { min-width: 0; text-wrap: pretty } .findings :is(a, strong) { font-weight: 600 } .card > .findings { margin: 0 0 1.1rem }
.findings .mark { margin-top: .22em }
.findings .bad { background: var(--wash-bad) } .findings .warn { background: var(--wash-warn) }

section { padding-bottom: 2.2rem }
.head { display: flex; gap: 1rem; align-items: baseline; margin-bottom: .7rem }
h2 { font-size: .8rem; font-weight: 650; letter-spacing: .07em; text-transform: uppercase; color: var(--muted) }
h3 { font-size: 1.2rem; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere; min-width: 0 }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.3rem 1.5rem; box-shadow: 0 1px 2px light-dark(#16202b0a, #0000) }
.card + .card { margin-top: 1rem }
.card header { display: flex; flex-wrap: wrap; gap: .1rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: 1.1rem }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 1.5rem 2.5rem; align-items: start }

.mark { width: 1.05em; height: 1.05em; flex: none; vertical-align: -.16em }
.mark.good, .badge.good { color: var(--good) } .mark.warn, .badge.warn { color: var(--warn) } .mark.bad, .badge.bad { color: var(--bad) }
.mark.plain, .mark.run { color: var(--plain) } .mark.gap, .badge.gap { color: var(--warn) } .mark.none { color: var(--muted) }
.cut { stroke: var(--card); stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round }
.badge { white-space: nowrap } .badge.plain { color: var(--muted) }

.promises { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: 1.2rem 2rem }
.promise .label { color: var(--muted); font-size: .87rem }
.figure { font-size: 1.5rem; line-height: 1.3; font-weight: 620; letter-spacing: -.02em; margin-bottom: .45rem }
.figure.bad { color: var(--bad) } .figure.warn { color: var(--warn) }
.promise .note { margin-top: .4rem } .promise .badge { white-space: normal }
.gauge { display: block; width: 100%; height: 5px; border-radius: 3px; overflow: hidden }
.gauge .track { fill: var(--track) } .gauge .fill { fill: var(--good) } .gauge.warn .fill { fill: var(--warn) } .gauge.bad .fill { fill: var(--bad) } .gauge.plain .fill { fill: var(--plain) }

.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1.2rem 2rem; margin-top: 1.7rem }
.plots.wide { grid-template-columns: 1fr 1fr } .plots.wide svg { height: 4.6rem }
.plot figcaption { font-size: .87rem; margin-bottom: .4rem; line-height: 1.35 } .plot figcaption span { color: var(--muted); display: block } .plot strong { font-weight: 600; font-size: 1rem }
.plot svg { display: block; width: 100%; height: 3.6rem; overflow: visible; border-bottom: 1px solid var(--line) }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round }
.plot .area { fill: var(--plain); opacity: .1 } .plot .line { stroke: var(--plain); stroke-width: 1.8 } .plot .end { stroke: var(--plain); stroke-width: 6 }
.plot .limit { stroke: var(--warn); stroke-width: 1.2; stroke-dasharray: 4 4 }
.axis { display: flex; justify-content: space-between; color: var(--muted); font-size: .75rem; margin-top: .2rem } .axis span:only-child { margin: auto }

.calendar table { width: 100%; table-layout: fixed; border-spacing: 3px; border-collapse: separate; margin: -3px }
.calendar caption { text-align: left; color: var(--muted); font-size: .87rem; padding: 0 3px .35rem }
.calendar th { font-size: .7rem; font-weight: 500; color: var(--muted); text-align: center; padding: 0 0 .15rem; border: 0 }
.calendar td { padding: 0; border: 0 }
.day > * { display: grid; justify-items: center; gap: .12rem; padding: .22rem 0 .3rem; border-radius: .4rem; text-decoration: none; line-height: 1.2; background: var(--page) }
.day .date { font-size: .68rem; color: var(--muted) } .day .mark { width: .95rem; height: .95rem } .day .mark.plain { scale: .8 } .day .cut { stroke: var(--page) }
.day.proven > * { background: var(--wash-good) } .day.proven .cut { stroke: var(--wash-good) }
.day.disproven > * { background: var(--wash-bad) } .day.disproven .cut { stroke: var(--wash-bad) } .day.gap > * { background: var(--wash-warn) }
.day.none > * { background: none } .day a:hover { box-shadow: inset 0 0 0 1.5px currentColor }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .8rem; margin-top: .6rem }
.legend .badge { color: var(--muted) } .scroll > .legend { justify-content: flex-end; margin: 0 0 .5rem }

.jobs { list-style: none; display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem } .job, .card header { overflow-wrap: anywhere } .jobs .card { margin: 0 }
.job .title { display: flex; gap: .6em; align-items: baseline } .job .mark { align-self: center } .percent { margin-left: auto; font-size: 1.2rem; font-weight: 620 }
progress { appearance: none; display: block; width: 100%; height: 8px; margin: .6rem 0 .5rem; border: 0; border-radius: 4px; overflow: hidden; background: var(--track) }
progress::-webkit-progress-bar { background: var(--track) } progress::-webkit-progress-value { background: var(--plain); transition: inline-size .4s ease-out } progress::-moz-progress-bar { background: var(--plain) }
progress:indeterminate { background: repeating-linear-gradient(115deg, var(--track) 0 12px, color-mix(in srgb, var(--plain) 45%, var(--track)) 12px 24px); background-size: 200% 100% }
progress:indeterminate::-webkit-progress-bar { background: none }

article > .scroll { margin-top: 1.1rem } details { margin-top: 1.2rem } summary { cursor: pointer; color: var(--muted); font-size: .87rem; width: fit-content; max-width: 100%; overflow-wrap: anywhere } summary:hover { color: var(--ink) }
.scroll { overflow-x: auto } details .scroll { margin-top: .7rem; max-height: 26rem; overflow-y: auto }
.scroll table, .card > table { border-collapse: collapse; width: 100%; font-size: .9rem }
.scroll th, .scroll td { text-align: left; padding: .5rem 1.2rem .5rem 0; border-top: 1px solid var(--line); font-weight: 400; vertical-align: baseline }
.scroll tr > :last-child { padding-right: 0 } .scroll thead th { color: var(--muted); font-size: .8rem; border: 0; white-space: nowrap; padding-top: 0 }
.scroll tbody th { font-weight: 550; overflow-wrap: anywhere; min-width: 9rem } .scroll .number { text-align: right; white-space: nowrap } .scroll td.says { overflow-wrap: anywhere; min-width: 9rem }
.scroll .wide { min-width: 11rem } .bar { display: flex; gap: .8rem; align-items: center } .bar .gauge { flex: 1; min-width: 4rem } .bar .number { text-align: left; min-width: 5.6rem }
.strip { display: block; width: 100%; max-width: 15rem; height: 1.25rem } .strip .proven { fill: var(--good) } .strip .unproven { fill: var(--plain); opacity: .55 } .strip .disproven { fill: none; stroke: var(--bad); stroke-width: 2; vector-effect: non-scaling-stroke } .strip .gap { fill: var(--warn) } .strip .none { fill: var(--muted) } .scroll td.days { vertical-align: middle } .strip.key { display: inline-block; width: .3rem; height: 1.05em; vertical-align: -.16em; margin-right: .2em }
#each-database { padding-bottom: 0 } main > .card:last-child { margin-bottom: 2.2rem }
.database { scroll-margin-top: 1rem } .database:target { border-color: var(--plain) }
.foot { padding-bottom: 3rem; font-size: .87rem; color: var(--muted); display: flex; gap: .3rem 1.5rem; flex-wrap: wrap }

@media (max-width: 52rem) { .columns { grid-template-columns: minmax(0, 1fr) } .calendar { max-width: 22rem } }
@media (max-width: 40rem) {
  main, .top, .foot { padding-inline: 1rem } .card { padding: 1.1rem 1rem } .verdict { padding: 1.6rem 0 1.9rem } .calendar { max-width: none }
  .promises { grid-template-columns: 1fr } .plots { grid-template-columns: 1fr 1fr; gap: 1.2rem }
  .stack :is(table, tbody) { display: block } .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  .stack tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem 1rem; padding: .8rem 0; border-top: 1px solid var(--line) } .stack tr:first-child { border: 0; padding-top: 0 }
  .stack :is(tbody th, tbody td) { display: block; border: 0; padding: 0; min-width: 0 } .stack td.number { text-align: left } .stack :is(tbody th, td.wide, td.says) { grid-column: 1 / -1 } .stack td:empty { display: none }
  .stack td.wide[data-label] { display: flex; gap: .5rem; align-items: baseline } .stack .wide .bar { flex: 1; min-width: 0 }
  .stack td[data-label]::before { content: attr(data-label) ' '; color: var(--muted); font-size: .87rem }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; scroll-behavior: auto !important } }
@media print { body { background: none } .card, section { break-inside: avoid } .live, .skip { display: none } }
`
