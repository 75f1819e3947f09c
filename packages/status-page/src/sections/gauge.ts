import { html, type Html } from '../html.ts'
import type { Mark } from './marks.ts'

/** A bar of which a part (1 is all of it) is filled. The words beside it say the same. */
export function gauge(part: number, state: Mark): Html {
  const width = Math.min(100, Math.max(0, part * 100)).toFixed(1)
  return html`<svg class="gauge ${state}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="4" />
    <rect class="fill" width="${width}" height="4" />
  </svg>`
}

/** A gauge in a table, with its figure. */
export function gaugeWith(part: number, state: Mark, figure: string): Html {
  return html`<span class="bar"><span class="number">${figure}</span>${gauge(part, state)}</span>`
}
