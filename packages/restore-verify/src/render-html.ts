import { createHash } from 'node:crypto'
import { formatBytes, formatCount, formatDuration } from '@ops/internal-cli'
import type { CheckOutcome, Difference, PhaseTime, TableVerdict, VerificationReport } from './report.ts'
import { verdictSentence } from './verdict-sentence.ts'

/**
 * The report as one HTML page for people and auditors: no scripts and no outside assets, light and
 * dark, readable on a phone and on paper. Names come from a database and are escaped.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { fileStore } from '@ops/object-store'
 * import { renderHtml, verifyRestore } from '@ops/restore-verify'
 *
 * const report = await verifyRestore({ store: fileStore({ folder: '/backups' }), database: 'app' })
 * await writeFile('drill.html', renderHtml(report))
 * ```
 */
export function renderHtml(report: VerificationReport): string {
  const { backup } = report
  const title = `${report.verdict === 'proven' ? 'Proven' : 'Disproven'}: ${backup.database}, backup ${backup.id}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${HTML_POLICY}">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${verdict(report)}
${report.differences.length === 0 ? '' : differences(report.differences)}
${facts(report)}
${checks(report.checks)}
${timeline(report.phases)}
${report.tables.length === 0 ? '' : tables(report.tables)}
${list('Warnings of pg_restore', report.warnings)}
${list('How the target differed from the source', report.adaptations)}
${list('Not checked by this drill', report.notChecked)}
</main>
</body>
</html>
`
}

function verdict(report: VerificationReport): string {
  const { verdict: outcome, backup, finishedAt } = report
  return `<header class="${outcome}">
<p class="eyebrow">Restore drill of ${time(finishedAt)}</p>
<h1>${outcome === 'proven' ? 'Proven' : 'Disproven'}</h1>
<p class="lead">${escape(verdictSentence(report))}</p>
<p>Database <strong>${escape(backup.database)}</strong> in cluster <strong>${escape(backup.cluster)}</strong>, backup <code>${escape(backup.id)}</code></p>
</header>`
}

function facts({ backup, target, totals, tool, durationMs, recoveryMs }: VerificationReport): string {
  const rows: [string, string][] = [
    ['Backup taken', `${time(backup.startedAt)}, ${formatDuration(backup.ageMs)} before the drill (RPO)`],
    [
      'Recovery took',
      recoveryMs === null
        ? 'not reached'
        : `${formatDuration(recoveryMs)}${target?.kind === 'server' ? '' : ', with the start of an ephemeral server'} (RTO)`,
    ],
    ['The whole drill took', formatDuration(durationMs)],
    [
      'Size',
      `${formatBytes(backup.rawBytes)} of archive, stored as ${formatBytes(backup.storedBytes)}; ${formatBytes(totals.bytes)} of rows`,
    ],
    ['Source server', `PostgreSQL ${escape(backup.serverVersion)}, pg_dump ${escape(backup.pgDump)}`],
    [
      'Restored on',
      target === null
        ? 'not reached'
        : `PostgreSQL ${escape(target.serverVersion)}, ${TARGETS[target.kind]}; pg_restore ${escape(target.pgRestore)}, pg_dump ${escape(target.pgDump)}`,
    ],
    ['Store', `<code>${escape(backup.store)}</code>`],
    ['Manifest', `<code>sha256:${escape(backup.manifestSha256)}</code>`],
    ['Drilled by', escape(tool)],
  ]
  return `<section><h2>What was drilled</h2><dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl></section>`
}

const TARGETS: Record<NonNullable<VerificationReport['target']>['kind'], string> = {
  local: 'an ephemeral server from local programs',
  container: 'an ephemeral server in a container',
  server: 'a scratch database on a given server',
}

function checks(made: readonly CheckOutcome[]): string {
  const rows = made.map(({ check, result, reason, durationMs, differences: count }) => {
    const found = count === 0 ? '' : `${formatCount(count)} ${count === 1 ? 'difference' : 'differences'}`
    const says = [found, reason ?? ''].filter((text) => text !== '').join('; ')
    return `<tr class="${result}"><th scope="row">${CHECK_NAMES[check]}</th><td>${result}</td><td class="says">${escape(says)}</td><td class="number">${result === 'skipped' ? '' : formatDuration(durationMs)}</td></tr>`
  })
  return `<section><h2>Checks</h2><div class="scroll"><table class="checks"><thead><tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">Says</th><th scope="col" class="number">Took</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`
}

const CHECK_NAMES: Record<CheckOutcome['check'], string> = {
  freshness: 'Backup is young enough (RPO)',
  checksums: 'Checksums of the objects',
  restore: 'Restore without errors',
  rows: 'Rows and digests of the tables',
  schema: 'Schema objects',
  sequences: 'Sequences',
  'large-objects': 'Large objects',
  extensions: 'Extensions',
  validity: 'Indexes and constraints valid',
  collations: 'Collation versions',
  assertions: 'Own assertions',
  amcheck: 'Heaps and indexes sound (pg_amcheck)',
  duration: 'Back in time (RTO)',
}

const PHASE_NAMES: Record<PhaseTime['phase'], string> = {
  check: 'Checksums',
  start: 'Start target',
  restore: 'Restore',
  digest: 'Digest',
  compare: 'Compare',
  inspect: 'Inspect',
  'clean up': 'Clean up',
}

function timeline(phases: readonly PhaseTime[]): string {
  const total = Math.max(
    phases.reduce((sum, phase) => sum + phase.durationMs, 0),
    1,
  )
  let before = 0
  const bars = phases.map((phase) => {
    const left = (100 * before) / total
    before += phase.durationMs
    const width = (100 * phase.durationMs) / total
    return `<tr><th scope="row">${PHASE_NAMES[phase.phase]}</th><td class="track"><svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect x="${left.toFixed(2)}" width="${Math.max(width, 0.3).toFixed(2)}" height="1"/></svg></td><td class="number">${formatDuration(phase.durationMs)}</td></tr>`
  })
  return `<section><h2>Timeline</h2><table class="timeline"><tbody>${bars.join('')}</tbody></table></section>`
}

/** Nobody reads more of them. */
const MOST_DIFFERENCES = 500

function differences(found: readonly Difference[]): string {
  const more = found.length - MOST_DIFFERENCES
  const items = found.slice(0, MOST_DIFFERENCES).map(
    ({
      check,
      object,
      problem,
      expected,
      actual,
    }) => `<li><p><strong>${escape(check)} <code>${escape(object)}</code></strong>: ${escape(problem)}</p>
${expected === undefined ? '' : `<div class="side"><span>expected</span> <pre>${escape(expected)}</pre></div>`}
${actual === undefined ? '' : `<div class="side"><span>restored</span> <pre>${escape(actual)}</pre></div>`}</li>`,
  )
  return `<section><h2>What differs</h2><ol class="differences">${items.join('')}</ol>${more <= 0 ? '' : `<p>… and ${formatCount(more)} more; the report as JSON has them all.</p>`}</section>`
}

/** Differing tables first, then by size: what matters is on top. */
function tables(all: readonly TableVerdict[]): string {
  const rank = (table: TableVerdict): number => (table.verdict === 'equal' ? 1 : 0)
  const size = (table: TableVerdict): number => (table.expected ?? table.actual)!.bytes
  const rows = all
    .toSorted((a, b) => rank(a) - rank(b) || size(b) - size(a))
    .map((table) => {
      const content = (table.expected ?? table.actual)!
      return `<tr class="${table.verdict}"><th scope="row">${escape(table.schema)}.${escape(table.name)}</th><td>${table.verdict}</td>
<td class="number" data-label="Rows">${formatCount(content.rows)}</td><td class="number">${formatBytes(content.bytes)}</td><td class="says"><code>${escape(content.digest)}</code></td></tr>`
    })
  return `<section><h2>Tables</h2><div class="scroll"><table><thead><tr><th scope="col">Table</th><th scope="col">Verdict</th>
<th scope="col" class="number">Rows</th><th scope="col" class="number">Bytes</th><th scope="col">Digest</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `<section><h2>${title}</h2><ul>${items.map((item) => `<li>${escape(item)}</li>`).join('')}</ul></section>`
}

function time(iso: string): string {
  return `<time datetime="${escape(iso)}">${escape(iso.slice(0, 19).replace('T', ' '))} UTC</time>`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** No markup, and nothing that turns the reading direction: what stands there is what it is. */
function escape(text: string): string {
  return text
    .replaceAll(/[\u202A-\u202E\u2066-\u2069]/g, '\uFFFD')
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
}

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1a2330, #e6ebf2); --muted: light-dark(#55606f, #9fabba);
  --page: light-dark(#f6f7f9, #10151c); --card: light-dark(#fff, #18202a); --line: light-dark(#dfe3e8, #2a3541);
  --good: light-dark(#0b6b43, #5fd49f); --bad: light-dark(#a8201a, #ff9a91); --bar: light-dark(#2f6fb0, #6db1f2) }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem }
header { border-left: .4rem solid var(--good); padding: .2rem 0 .2rem 1.2rem; margin-bottom: 2rem }
header.disproven { border-color: var(--bad) }
h1 { margin: 0; font-size: 2.6rem; line-height: 1.1; color: var(--good) }
.disproven h1 { color: var(--bad) }
h2 { font-size: 1.05rem; margin: 0 0 .6rem }
p { margin: .3rem 0 } .lead { font-size: 1.15rem; max-width: 46rem } .eyebrow { color: var(--muted); font-size: .9rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem; margin: 0 0 1rem }
dl { margin: 0; display: grid; gap: .4rem } dl div { display: grid; grid-template-columns: 12rem 1fr; gap: 1rem }
dt { color: var(--muted) } dd { margin: 0; overflow-wrap: anywhere }
code { font: .85em/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .93rem }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-top: 1px solid var(--line); font-weight: 400; vertical-align: top }
thead th { color: var(--muted); border: 0 } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr.equal td:nth-child(2) { color: var(--good) } tr:is(.differs, .missing, .extra) td:nth-child(2) { color: var(--bad); font-weight: 600 }
.scroll td code { white-space: nowrap } .timeline th { width: 7rem; white-space: nowrap } .track { width: 100% } .track svg { display: block; width: 100%; height: .7rem; margin-top: .4rem } .track rect { fill: var(--bar) }
.differences { padding-left: 1.2rem; margin: 0 } .differences li + li { margin-top: 1rem }
.side { display: grid; grid-template-columns: 5rem 1fr; gap: .5rem } .side span { color: var(--muted) }
pre { margin: 0; font: .85em/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
tr.pass td:nth-child(2) { color: var(--good) } tr.fail td:nth-child(2) { color: var(--bad); font-weight: 600 } tr.skipped td { color: var(--muted) }
ul { margin: 0; padding-left: 1.2rem }
@media (max-width: 40rem) {
  dl div { grid-template-columns: 1fr; gap: 0 } section { padding-inline: 1rem }
  .scroll :is(table, tbody) { display: block } .scroll thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  .scroll tr { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: .1rem .8rem; padding: .4rem 0; border-top: 1px solid var(--line) } .scroll tr:first-child { border: 0 }
  .scroll :is(th, td) { padding: 0; border: 0; overflow-wrap: anywhere } .scroll .says { grid-column: 1 / -1; order: 1 } .scroll td:empty { display: none } .scroll td code { white-space: normal }
  .scroll table:not(.checks) th { grid-column: 1 / -1 } .scroll td[data-label]::before { content: attr(data-label) ' '; color: var(--muted) }
}
@media print { body { background: none } section { break-inside: avoid } }
`

/**
 * The Content-Security-Policy of {@link renderHtml}'s page: its own style, known by its digest, and nothing
 * else. The page has it in itself; a server that sends the page sends it as a header too.
 *
 * @example
 * ```ts
 * import type { ServerResponse } from 'node:http'
 * import { HTML_POLICY, renderHtml, type VerificationReport } from '@ops/restore-verify'
 *
 * export function answer(response: ServerResponse, report: VerificationReport): void {
 *   response.setHeader('content-security-policy', HTML_POLICY).end(renderHtml(report))
 * }
 * ```
 */
export const HTML_POLICY: string = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`
