import { daysLeftText } from '../findings.ts'
import { html, type Html } from '../html.ts'
import type { CertificateStatus, Status } from '../status.ts'
import { dayName, plural } from '../words.ts'
import { gaugeWith } from './gauge.ts'
import { badge, type Mark } from './marks.ts'
import { leftOut, section, type Section } from './section.ts'

/** Those that expire first; nobody reads more of them. */
const MAX_ROWS = 100

const STATES: Record<CertificateStatus['state'], readonly [Mark, string]> = {
  ok: ['good', 'fine'],
  warning: ['warn', 'warning'],
  critical: ['bad', 'critical'],
  unknown: ['plain', 'not seen'],
}

/** A year is a full bar: certificates that last longer are rare, and none that does is urgent. */
const FULL_DAYS = 365

/** When which certificate expires, the next one first. */
export function certificates({ certificates: all }: Status): Section | undefined {
  if (all.length === 0) return undefined
  const sorted = all.toSorted((a, b) => (a.daysLeft ?? -Infinity) - (b.daysLeft ?? -Infinity))
  return section(
    'certificates',
    'Certificates',
    html`<div class="card scroll stack" tabindex="0" role="region" aria-label="All certificates">
      <table>
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col" class="wide">Days left</th>
            <th scope="col">Until</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.slice(0, MAX_ROWS).map(row)}
        </tbody>
      </table>
      ${leftOut(all.length - MAX_ROWS, plural(all.length - MAX_ROWS, 'that expires later', 'that expire later'))}
    </div>`,
  )
}

function row({ target, location, state, expiresAt, daysLeft, problem }: CertificateStatus): Html {
  const [shape, word] = STATES[state]
  return html`<tr>
    <th scope="row">
      ${target}${location !== '' && location !== target && html`<span class="note block">${location}</span>`}
    </th>
    <td class="wide">
      ${daysLeft === null ? '–' : gaugeWith(daysLeft / FULL_DAYS, shape, daysLeftText(daysLeft))}
    </td>
    <td data-label="Until">
      ${expiresAt === null ? '–' : html`<time datetime="${expiresAt}">${dayName(expiresAt)} ${expiresAt.slice(0, 4)}</time>`}
    </td>
    <td class="says">
      ${badge(shape, word)}${problem !== null && html`<span class="note block">${problem}</span>`}
    </td>
  </tr>`
}
