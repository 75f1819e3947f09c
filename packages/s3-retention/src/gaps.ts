import { findDependencies } from './dependencies.ts'
import { periodIndex, periodLabel, periodsBefore, PERIODS, type Period } from './period.ts'
import { parseCalendarDuration, subtractDuration } from './calendar-duration.ts'
import type { RetentionPolicy } from './policy.ts'
import { RetentionError } from './retention-error.ts'
import { timeOf, type RetentionItem } from './retention-item.ts'
import { createZoneClock, type ZoneClock } from './zone-clock.ts'

/** Which periods must have a good item, and how far back. */
export interface GapWindow {
  /** What should have a good item each. */
  readonly period: Period
  /** How many periods before the current one; at most 100,000. */
  readonly periods: number
}

/** Options of {@link findGaps}. */
export interface FindGapsOptions extends GapWindow {
  /** The end of the window that is looked at. */
  readonly now: Date
  /** IANA name. @default 'UTC' */
  readonly timeZone?: string
  /** A group in which nothing came for this long is retired, and has no gaps. @default none ever is */
  readonly retiredAfterDays?: number
}

/** Periods in a row without a good item. */
export interface GapRun {
  /** The first and the last of them, such as `2026-11-03`; one run may be one period. */
  readonly from: string
  readonly to: string
  readonly periods: number
  /** The good item before it, ISO 8601; absent when there was none in the group. */
  readonly since?: string
  /** True when it reaches up to now: there is no good item in the current period either. */
  readonly isOpen: boolean
}

/** What is missing in one group. */
export interface GroupGaps {
  readonly group: string
  readonly period: Period
  /** Periods that were looked at: from the group's first item on, without the current period. */
  readonly expected: number
  readonly missing: number
  readonly runs: readonly GapRun[]
  /** Nothing came for `retiredAfterDays`, so its gaps are not looked for. */
  readonly isRetired?: true
  /** ISO 8601; absent when the group has no good item. */
  readonly newestGood?: string
}

const MAX_PERIODS = 100_000
const DAY_MS = 86_400_000
const [MAX_DAYS, MAX_WEEKS, MAX_MONTHS] = [366, 52, 12] as const

/**
 * Which whole periods within the window have no good item, group by group. The current period is
 * not over, so it is never missing by itself; the window begins at the group's first item at the earliest.
 * Throws `RETENTION_OPTION_INVALID`, `RETENTION_TIME_ZONE_UNKNOWN`, `RETENTION_ITEM_INVALID`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findGaps, scanSets } from '@ops/s3-retention'
 *
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }) })
 * const gaps = findGaps(items, { now: new Date(), period: 'day', periods: 30 })
 * for (const { group, missing } of gaps) console.log(group, missing)
 * ```
 */
export function findGaps(items: readonly RetentionItem[], options: FindGapsOptions): GroupGaps[] {
  const { now, timeZone = 'UTC' } = options
  const { problems } = findDependencies(items)
  const groups = new Map<string, GroupTimes>()
  for (const [position, item] of items.entries()) {
    const times = groups.get(item.group) ?? { group: item.group, itemsMs: [], goodMs: [] }
    groups.set(item.group, times)
    const timeMs = timeOf(item)
    if (isTrace(item)) times.itemsMs.push(timeMs)
    if (!problems.has(position)) times.goodMs.push(timeMs)
  }
  const byName = [...groups.values()].toSorted((a, b) => (a.group < b.group ? -1 : 1))
  return findGapsInGroups(byName, options, now.getTime(), createZoneClock(timeZone))
}

/** The times of one group's items; in any order. */
export interface GroupTimes {
  readonly group: string
  readonly itemsMs: number[]
  /** Those of the good ones. */
  readonly goodMs: number[]
}

/** What a backup once left, or tried to; what a stopped deletion left is none, and opens no gap. */
export function isTrace(item: RetentionItem): boolean {
  return item.isHalfDeleted !== true
}

/** `findGaps` for groups whose good items are known already. */
export function findGapsInGroups(
  groups: Iterable<GroupTimes>,
  window: GapWindow & Pick<FindGapsOptions, 'retiredAfterDays'>,
  nowMs: number,
  clock: ZoneClock,
): GroupGaps[] {
  const { period, periods, retiredAfterDays = Number.POSITIVE_INFINITY } = window
  if (!PERIODS.includes(period)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `period: "${period}" is none of ${PERIODS.join(', ')}`,
    )
  }
  if (!Number.isInteger(periods) || periods < 1 || periods > MAX_PERIODS) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `periods: ${periods} is not a whole number from 1 to ${MAX_PERIODS}`,
    )
  }
  if (!(retiredAfterDays > 0)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `retiredAfterDays: ${retiredAfterDays} is not a number above 0`,
    )
  }
  const windowIndices = periodsBefore(period, nowMs, periods, clock)
  const retiredMs = nowMs - retiredAfterDays * DAY_MS
  return Array.from(groups, (times) =>
    findGroupGaps(times, { period, windowIndices, nowMs, retiredMs, clock }),
  )
}

interface WindowFacts {
  readonly period: Period
  readonly windowIndices: readonly number[]
  readonly nowMs: number
  /** What got nothing since is retired. */
  readonly retiredMs: number
  readonly clock: ZoneClock
}

function findGroupGaps({ group, itemsMs, goodMs }: GroupTimes, facts: WindowFacts): GroupGaps {
  const { period, windowIndices, nowMs, retiredMs, clock } = facts
  const newestByPeriod = new Map<number, number>()
  let newestMs = Number.NEGATIVE_INFINITY
  let sinceMs = Number.NEGATIVE_INFINITY
  for (const timeMs of goodMs) {
    // What is dated in the future says nothing of the past.
    if (timeMs > nowMs) continue
    const index = periodIndex(period, timeMs, clock)
    newestMs = Math.max(newestMs, timeMs)
    if (index < windowIndices[0]!) sinceMs = Math.max(sinceMs, timeMs)
    else newestByPeriod.set(index, Math.max(timeMs, newestByPeriod.get(index) ?? timeMs))
  }
  const newestGood =
    newestMs === Number.NEGATIVE_INFINITY ? {} : { newestGood: new Date(newestMs).toISOString() }
  // Not only good ones count: what still tries to back up, and fails, is not retired.
  if (itemsMs.length > 0 && itemsMs.every((timeMs) => timeMs < retiredMs))
    return { group, period, expected: 0, missing: 0, runs: [], isRetired: true, ...newestGood }
  const firstMs = itemsMs.reduce((first, timeMs) => Math.min(first, timeMs), nowMs)
  const firstIndex = periodIndex(period, firstMs, clock)
  const expected = windowIndices.filter((index) => index >= firstIndex)

  const runs: GapRun[] = []
  let missing: number[] = []
  const closeRun = (isOpen: boolean): void => {
    if (missing.length === 0) return
    runs.push({
      from: periodLabel(period, missing[0]!, clock),
      to: periodLabel(period, missing.at(-1)!, clock),
      periods: missing.length,
      ...(sinceMs === Number.NEGATIVE_INFINITY ? {} : { since: new Date(sinceMs).toISOString() }),
      isOpen,
    })
    missing = []
  }
  for (const index of expected) {
    const goodInPeriodMs = newestByPeriod.get(index)
    if (goodInPeriodMs === undefined) {
      missing.push(index)
      continue
    }
    closeRun(false)
    sinceMs = goodInPeriodMs
  }
  closeRun(!newestByPeriod.has(periodIndex(period, nowMs, clock)))
  return {
    group,
    period,
    expected: expected.length,
    missing: runs.reduce((sum, run) => sum + run.periods, 0),
    runs,
    ...newestGood,
  }
}

/** The window that a policy itself promises to keep whole: its daily rhythm, or its next finer one. */
export function gapWindowOf(policy: RetentionPolicy, nowMs: number, clock: ZoneClock): GapWindow {
  const days = Math.max(
    Math.floor(policy.maxAgeDays ?? 0),
    atMost(policy.daily, MAX_DAYS),
    daysOf(policy.within, nowMs, clock),
    daysOf(policy.withinDaily, nowMs, clock),
  )
  if (days >= 2) return { period: 'day', periods: Math.min(days, MAX_DAYS) }
  const [weeks, months] = [atMost(policy.weekly, MAX_WEEKS), atMost(policy.monthly, MAX_MONTHS)]
  if (weeks > 0) return { period: 'week', periods: weeks }
  if (months > 0) return { period: 'month', periods: months }
  return { period: 'day', periods: 7 }
}

/** An unlimited count (-1) reaches as far as the most that is looked at. */
function atMost(count: number | undefined, most: number): number {
  if (count === undefined) return 0
  return count < 0 ? most : Math.min(count, most)
}

function daysOf(text: string | undefined, nowMs: number, clock: ZoneClock): number {
  if (text === undefined) return 0
  return Math.floor((nowMs - subtractDuration(nowMs, parseCalendarDuration(text, 'within'), clock)) / DAY_MS)
}
