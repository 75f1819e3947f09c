import { html, trusted, type Html } from '../html.ts'

/** Every state has a shape of its own, so that it can be told without its colour. */
export type Mark = 'good' | 'warn' | 'bad' | 'plain' | 'gap' | 'none' | 'run'

/** The shapes, drawn once and used by name. */
export const MARKS: Html = trusted(`<svg class="defs" aria-hidden="true" width="0" height="0">
<symbol id="mark-good" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="currentColor"/><path d="M5.8 10.4l2.9 2.9 5.5-6.2" fill="none" class="cut"/></symbol>
<symbol id="mark-warn" viewBox="0 0 20 20"><path d="M10 1.4 19.2 18H.8Z" fill="currentColor" stroke="currentColor" stroke-width="1.2" stroke-linejoin="round"/><path d="M10 7.4v4.6M10 15v.1" fill="none" class="cut"/></symbol>
<symbol id="mark-bad" viewBox="0 0 20 20"><path d="M6.2 1h7.6L19 6.2v7.6L13.8 19H6.2L1 13.8V6.2Z" fill="currentColor"/><path d="M6.8 6.8l6.4 6.4M13.2 6.8l-6.4 6.4" fill="none" class="cut"/></symbol>
<symbol id="mark-plain" viewBox="0 0 20 20"><circle cx="10" cy="10" r="7.6" fill="none" stroke="currentColor" stroke-width="2.4"/><circle cx="10" cy="10" r="3" fill="currentColor"/></symbol>
<symbol id="mark-gap" viewBox="0 0 20 20"><rect x="2" y="2" width="16" height="16" rx="3" fill="none" stroke="currentColor" stroke-width="2.2" stroke-dasharray="3.4 2.7"/></symbol>
<symbol id="mark-none" viewBox="0 0 20 20"><circle cx="10" cy="10" r="2" fill="currentColor"/></symbol>
<symbol id="mark-run" viewBox="0 0 20 20"><path d="M4.5 2.5 16.5 10 4.5 17.5Z" fill="currentColor" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"/></symbol>
</svg>`)

/** A mark beside words that say the same. */
export function mark(name: Mark): Html {
  return html`<svg class="mark ${name}" aria-hidden="true"><use href="#mark-${name}" /></svg>`
}

/** A mark with its word. */
export function badge(name: Mark, word: string): Html {
  return html`<span class="badge ${name}">${mark(name)} ${word}</span>`
}
