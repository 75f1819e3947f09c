import { formatBytes } from '@ops/internal-cli/format'
import { subjectOf } from '../findings.ts'
import { lastBackup, lastProof, type Freshness } from '../freshness.ts'
import { html, type Html } from '../html.ts'
import type { CalendarDay, DatabaseStatus } from '../status.ts'
import { ago, plural } from '../words.ts'
import { mark } from './marks.ts'

/** Where the page shows all of a database, by what a finding calls it. */
export function anchorOf(subject: string): string {
  return `database-${encodeURIComponent(subject)}`
}

/** Many databases, a line each. */
export function overview(databases: readonly DatabaseStatus[], now: string): Html {
  const isOneCluster = new Set(databases.map(({ cluster }) => cluster)).size === 1
  return html`<div class="card scroll stack" tabindex="0" role="region" aria-label="All databases">
    <p class="legend">${legend(databases)}</p>
    <table>
      <thead>
        <tr>
          <th scope="col">Database</th>
          <th scope="col">Last backup</th>
          <th scope="col">Last proven restore</th>
          <th scope="col" class="number">Stored</th>
          <th scope="col">Day by day</th>
        </tr>
      </thead>
      <tbody>
        ${databases.map((each) => row(each, isOneCluster, now))}
      </tbody>
    </table>
  </div>`
}

function row(status: DatabaseStatus, isOneCluster: boolean, now: string): Html {
  const { cluster, database, backups, calendar } = status
  const stored = backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  return html`<tr>
    <th scope="row">
      <a href="#${anchorOf(subjectOf(status))}">${database}</a>
      ${!isOneCluster && html`<span class="note block">${cluster}</span>`}
    </th>
    <td data-label="Backup">${age(lastBackup(status, now), now, 'bad')}</td>
    <td data-label="Proof">${age(lastProof(status, now), now, 'warn')}</td>
    <td class="number" data-label="Stored">${formatBytes(stored)}</td>
    <td class="wide days">${days(calendar)}</td>
  </tr>`
}

function age(freshness: Freshness | undefined, now: string, whenLate: 'bad' | 'warn'): Html {
  if (freshness === undefined) return html`${mark(whenLate)} never`
  return html`${mark(freshness.isLate ? whenLate : 'good')} ${ago(freshness.at, now)}`
}

const WORDS: Record<CalendarDay['state'], string> = {
  proven: 'proven',
  unproven: 'backed up',
  disproven: 'disproven',
  gap: 'without a backup',
  none: 'with none yet',
}
const STATES = Object.keys(WORDS) as CalendarDay['state'][]
/** How tall a day's column stands. With a disproven one hollow, every state is told without its colour. */
const HEIGHTS: Record<CalendarDay['state'], number> = {
  proven: 20,
  unproven: 11,
  disproven: 20,
  gap: 3,
  none: 1,
}

/** The calendar as a strip, a column a day. */
function days(calendar: readonly CalendarDay[]): Html {
  const counts = Map.groupBy(calendar, ({ state }) => state)
  const words = [...counts].map(([state, all]) => `${plural(all.length, 'day')} ${WORDS[state]}`)
  const columns = calendar.map(({ state }, index) => column(state, index))
  return html`<svg
    class="strip"
    viewBox="0 0 ${calendar.length * 6} 20"
    preserveAspectRatio="none"
    role="img"
    aria-label="${words.join(', ')}"
  >
    ${columns}
  </svg>`
}

function column(state: CalendarDay['state'], index: number): Html {
  const height = HEIGHTS[state]
  return html`<rect class="${state}" x="${index * 6}" y="${20 - height}" width="4.6" height="${height}" />`
}

/** What the columns say, of those that are there. */
function legend(databases: readonly DatabaseStatus[]): Html[] {
  const seen = new Set(databases.flatMap(({ calendar }) => calendar.map(({ state }) => state)))
  return STATES.filter((state) => seen.has(state)).map(
    (state) =>
      html`<span class="badge plain"
        ><svg class="strip key" viewBox="0 0 4.6 20" aria-hidden="true">${column(state, 0)}</svg>
        ${WORDS[state]}</span
      >`,
  )
}
