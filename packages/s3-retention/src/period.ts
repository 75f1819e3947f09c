import type { ZoneClock } from './zone-clock.ts'

/** The calendar periods that policies count and gaps are found in; weeks are ISO 8601 weeks. */
export type Period = 'hour' | 'day' | 'week' | 'month' | 'year'

export const PERIODS: readonly Period[] = ['hour', 'day', 'week', 'month', 'year']

const HOUR_MS = 3_600_000
const HALF_HOUR_MS = HOUR_MS / 2
const DAY_MS = 86_400_000
/** Days from Monday 1969-12-29, with which an ISO week begins, to 1970-01-01. */
const DAYS_TO_EPOCH = 3
const DAYS_IN_400_YEARS = 146_097
const DAYS_FROM_MARCH_OF_YEAR_0 = 719_468

/**
 * A number for the period in which an instant lies on the zone's clocks; it grows with time. Of an
 * hour it is its first instant in UTC, so that the hour that clocks show twice in autumn is two.
 */
export function periodIndex(period: Period, utcMs: number, clock: ZoneClock): number {
  const offset = clock.offsetMs(utcMs)
  return INDEX_OF[period](utcMs + offset, offset)
}

const INDEX_OF: Record<Period, (wallMs: number, offset: number) => number> = {
  hour: (wallMs, offset) => Math.floor(wallMs / HOUR_MS) * HOUR_MS - offset,
  day: (wallMs) => Math.floor(wallMs / DAY_MS),
  week: (wallMs) => Math.floor((Math.floor(wallMs / DAY_MS) + DAYS_TO_EPOCH) / 7),
  month: (wallMs) => monthOf(Math.floor(wallMs / DAY_MS)),
  year: (wallMs) => Math.floor(monthOf(Math.floor(wallMs / DAY_MS)) / 12),
}

/**
 * Months since the year 0, of a day since 1970-01-01; without a Date, as this runs for millions.
 * In a year that begins in March, leap days come last, and five months have 153 days in turn:
 * https://howardhinnant.github.io/date_algorithms.html#civil_from_days
 */
function monthOf(day: number): number {
  const shifted = day + DAYS_FROM_MARCH_OF_YEAR_0
  const era = Math.floor(shifted / DAYS_IN_400_YEARS)
  const dayOfEra = shifted - era * DAYS_IN_400_YEARS
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  return (era * 400 + yearOfEra) * 12 + monthFromMarch + 2
}

/** `2026-11-21T14+01:00` for an hour, `2026-11-21`, `2026-W47`, `2026-11`, `2026`. */
export function periodLabel(period: Period, index: number, clock: ZoneClock): string {
  return LABEL_OF[period](index, clock)
}

const LABEL_OF: Record<Period, (index: number, clock: ZoneClock) => string> = {
  hour: (index, clock) => {
    const offset = clock.offsetMs(index + HALF_HOUR_MS)
    return `${isoOf(index + offset).slice(0, 13)}${offset < 0 ? '-' : '+'}${isoOf(Math.abs(offset)).slice(11, 16)}`
  },
  day: (index) => isoOf(index * DAY_MS).slice(0, 10),
  week: (index) => {
    const thursday = new Date((index * 7 - DAYS_TO_EPOCH + 3) * DAY_MS)
    const year = thursday.getUTCFullYear()
    const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS))
    return `${year}-W${String(week).padStart(2, '0')}`
  },
  month: (index) => `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`,
  year: String,
}

/** The indices of the `count` periods before the one of an instant, the oldest first. */
export function periodsBefore(period: Period, utcMs: number, count: number, clock: ZoneClock): number[] {
  const indices: number[] = []
  let index = periodIndex(period, utcMs, clock)
  while (indices.length < count) {
    // Hours are no row of whole numbers: the one before ends just before this one begins.
    index = period === 'hour' ? periodIndex('hour', index - 1, clock) : index - 1
    indices.push(index)
  }
  return indices.toReversed()
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
