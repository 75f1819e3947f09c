import { RetentionError } from './retention-error.ts'
import { utcOfWallTime, type ZoneClock } from './zone-clock.ts'

/** A span in calendar units, as restic's `--keep-within` has it: `1y2m3d4h`, where `m` is months. */
export interface CalendarDuration {
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
}

const UNITS = new Map([
  ['y', 'years'],
  ['m', 'months'],
  ['d', 'days'],
  ['h', 'hours'],
] as const)
const HOUR_MS = 3_600_000

/** Reads `36h`, `7d`, `1y2m3d4h`; units in any order. Throws `RETENTION_POLICY_INVALID`, naming `option`. */
export function parseCalendarDuration(text: string, option: string): CalendarDuration {
  const duration = { years: 0, months: 0, days: 0, hours: 0 }
  let rest = text
  for (const [letter, unit] of UNITS) {
    const [part, count] = new RegExp(`(?<!\\d)(\\d{1,5})${letter}`).exec(rest) ?? []
    if (part === undefined) continue
    rest = rest.replace(part, '')
    duration[unit] = Number(count)
  }
  if (rest !== '') throw invalid(text, option)
  if (Object.values(duration).every((count) => count === 0)) throw invalid(text, option)
  return duration
}

/** `1y2m3d4h`, without the units that are 0. */
export function formatCalendarDuration(duration: CalendarDuration): string {
  return Array.from(UNITS, ([letter, unit]) =>
    duration[unit] === 0 ? '' : `${duration[unit]}${letter}`,
  ).join('')
}

/**
 * The instant that lies `duration` before `utcMs`: years, months and days go back on the calendar
 * and the clock of the zone (31 March less a month is 3 March, as the 31st of February overflows),
 * then the hours go back in real time.
 */
export function subtractDuration(utcMs: number, duration: CalendarDuration, clock: ZoneClock): number {
  const hoursMs = duration.hours * HOUR_MS
  // An hour that clocks show twice has no one way back from the clock, and hours alone need none.
  if (duration.years === 0 && duration.months === 0 && duration.days === 0) return utcMs - hoursMs
  const wall = new Date(utcMs + clock.offsetMs(utcMs))
  wall.setUTCFullYear(
    wall.getUTCFullYear() - duration.years,
    wall.getUTCMonth() - duration.months,
    wall.getUTCDate() - duration.days,
  )
  return utcOfWallTime(wall.getTime(), clock) - hoursMs
}

function invalid(text: string, option: string): RetentionError {
  return new RetentionError(
    'RETENTION_POLICY_INVALID',
    `${option}: "${text}" is not a duration; write numbers with the units y, m (months), d and h, such as 36h, 7d or 1y6m`,
  )
}
