import { formatBytes } from '@ops/internal-cli/format'
import { html, type Html } from '../html.ts'
import type { Amount, RetentionChoice, RetentionOutlook, Status } from '../status.ts'
import { ahead, plural, shortClock } from '../words.ts'
import { badge } from './marks.ts'
import { leftOut, section, type Section } from './section.ts'

/** Nobody reads more of them. */
const MAX_ROWS = 200

/** What the next run of retention would keep and delete, and why. */
export function retention({ retention: outlook, takenAt }: Status): Section | undefined {
  if (outlook === null) return undefined
  const removed = outlook.decisions.filter(({ keep }) => !keep)
  const kept = outlook.decisions.filter(({ keep }) => keep)
  return section(
    'retention',
    'Retention',
    html`<article class="card">
      <p class="lead">${lead(outlook, takenAt)}</p>
      <p class="note">
        Policy <code>${outlook.policy}</code>, counted in
        ${outlook.timeZone}${!outlook.isApplied && '. Nothing is scheduled to delete'}
      </p>
      ${outlook.refused.map(({ group, reason }) => html`<p>${badge('warn', 'refused')} <code>${group}</code>: ${reason}</p>`)}
      ${removed.length > 0 && table('What would be deleted', removed)}
      ${
        kept.length > 0 &&
        html`<details>
          <summary>What stays, and why (${kept.length})</summary>
          ${table('What stays', kept)}
        </details>`
      }
    </article>`,
  )
}

function lead({ at, isApplied, kept, removed }: RetentionOutlook, now: string): Html {
  const [who, keep, remove] = isApplied
    ? [html`The next run, ${ahead(at, now)},`, 'keeps', 'deletes']
    : [html`A run ${ahead(at, now)} would`, 'keep', 'delete']
  const amount = ({ items, bytes }: Amount): Html => html`${plural(items, 'backup')} (${formatBytes(bytes)})`
  return html`${who} ${keep} ${amount(kept)} and
    <strong>${remove} ${removed.items === 0 ? 'nothing' : amount(removed)}</strong>.`
}

function table(label: string, choices: readonly RetentionChoice[]): Html {
  const more = choices.length - MAX_ROWS
  return html`<div class="scroll stack" tabindex="0" role="region" aria-label="${label}">
      <table>
        <thead>
          <tr>
            <th scope="col">Backup</th>
            <th scope="col" class="number">Taken (UTC)</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">Verdict</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          ${choices.slice(0, MAX_ROWS).map(row)}
        </tbody>
      </table>
    </div>
    ${leftOut(more, `${more.toLocaleString('en-US')} more`)}`
}

function row({ group, item, time, bytes, keep, reasons, problem }: RetentionChoice): Html {
  const name = item.startsWith(`${group}/`) ? item.slice(group.length + 1) : item
  return html`<tr>
    <th scope="row"><code>${name}</code><span class="note block">${group}</span></th>
    <td class="number" data-label="UTC">${shortClock(time)}</td>
    <td class="number">${formatBytes(bytes)}</td>
    <td>${keep ? badge('good', 'keep') : badge('gap', 'delete')}</td>
    <td class="says">
      ${reasons.join(', ')}${problem !== null && html` <span class="note">(not good: ${problem})</span>`}
    </td>
  </tr>`
}
