import { html, type Html } from '../html.ts'
import type { CalendarDay, DatabaseStatus } from '../status.ts'
import { dayName, plural } from '../words.ts'
import { badge, mark, type Mark } from './marks.ts'

const LOOKS: Record<CalendarDay['state'], { readonly mark: Mark; readonly words: string }> = {
  proven: { mark: 'good', words: 'proven' },
  unproven: { mark: 'plain', words: 'backed up' },
  disproven: { mark: 'bad', words: 'disproven' },
  gap: { mark: 'gap', words: 'no backup' },
  none: { mark: 'none', words: 'none yet' },
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

/** The retention window as a sheet of a calendar, a week in a row; a drilled day leads to the report. */
export function calendar(status: DatabaseStatus, timeZone = 'UTC'): Html {
  const { calendar: days } = status
  const [first] = days
  if (first === undefined) return html``
  const cells = [...Array.from({ length: weekday(first.date) }, () => undefined), ...days]
  const weeks = Array.from({ length: Math.ceil(cells.length / 7) }, (_, week) =>
    cells.slice(week * 7, week * 7 + 7),
  )
  const seen = new Set(days.map(({ state }) => state))
  const legend = Object.entries(LOOKS).filter(([state]) => seen.has(state as CalendarDay['state']))
  return html`<div class="calendar">
    <table>
      <caption>
        ${dayName(first.date)} to
        ${dayName(days.at(-1)!.date)}${timeZone !== 'UTC' && `, days of ${timeZone}`}
      </caption>
      <thead>
        <tr>
          ${WEEKDAYS.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${weeks.map(
          (week) =>
            html`<tr>
              ${week.map((day) => (day === undefined ? html`<td></td>` : dayCell(day, status)))}
            </tr>`,
        )}
      </tbody>
    </table>
    <p class="legend">${legend.map(([, look]) => badge(look.mark, look.words))}</p>
  </div>`
}

function dayCell(day: CalendarDay, { backups }: DatabaseStatus): Html {
  const { mark: shape, words } = LOOKS[day.state]
  const drilled = backups.findLast(({ id, drill }) => drill !== null && day.backups.includes(id))
  const label = `${dayName(day.date)}: ${words}${day.backups.length > 1 ? `, ${plural(day.backups.length, 'backup')}` : ''}`
  const face = html`<span class="date" aria-hidden="true">${Number(day.date.slice(8))}</span
    >${mark(shape)}<span class="hidden">${label}</span>`
  return drilled === undefined
    ? html`<td class="day ${day.state}" title="${label}"><span>${face}</span></td>`
    : html`<td class="day ${day.state}">
        <a href="drills/${encodeURIComponent(drilled.id)}" title="${label}; the drill’s report">${face}</a>
      </td>`
}

/** From 0 for Monday. */
function weekday(date: string): number {
  return (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7
}
