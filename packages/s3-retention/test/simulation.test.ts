import { describe, expect, it } from 'vitest'
import { parsePolicy, planRetention, type RetentionItem, type RetentionPlan } from '../src/index.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const START = Date.parse('2014-01-01T00:00:00Z')
const DAYS = 3652
const RENAMED_ON = 2200
const GRACE_MS = 72 * HOUR_MS
/** Days, from the start, on which no backup ran: single ones, a long weekend, and longer than most policies reach. */
const OUTAGES = [
  [40, 41],
  [200, 203],
  [701, 702],
  [1000, 1045],
  [2500, 2512],
  [3100, 3400],
] as const
/** While these days lasted, the machine's clock was three days ahead. */
const CLOCK_AHEAD = [1500, 1504] as const

interface Backup extends RetentionItem {
  readonly timeMs: number
  readonly storedMs: number
}

/** Everything that ran on one day, in a world with outages, failed runs, a wrong clock and a rename. */
function backupsOf(day: number, hours: readonly number[], dice: () => number): Backup[] {
  if (OUTAGES.some(([from, to]) => day >= from && day < to)) return []
  const isAhead = day >= CLOCK_AHEAD[0] && day < CLOCK_AHEAD[1]
  return hours.map((hour) => {
    const storedMs = START + day * DAY_MS + hour * HOUR_MS + Math.floor(dice() * 1000) * 1000
    const timeMs = storedMs + (isAhead ? 3 * DAY_MS : 0)
    const group = day < RENAMED_ON ? 'app' : 'shop'
    return {
      id: `${group}/${storedMs}`,
      group,
      time: new Date(timeMs).toISOString(),
      lastModified: new Date(storedMs).toISOString(),
      bytes: 1,
      timeMs,
      storedMs,
      ...(dice() < 0.03 ? { isUnpublished: true } : {}),
    }
  })
}

/** A rule as one would do it by hand on a list of all backups that ever were: no code is shared with the planner. */
type Rule = (history: History, nowMs: number) => Iterable<Backup>

/** The good backups of one group, and the newest of each period; periods are named by the platform's own calendar. */
class History {
  readonly all: Backup[] = []
  readonly newestOf: Record<string, Map<string, Backup>> = {
    hour: new Map(),
    day: new Map(),
    week: new Map(),
    month: new Map(),
    year: new Map(),
  }
  /** The day of each backup by its id, as asking the platform's calendar is slow. */
  readonly days = new Map<string, string>()
  readonly #format: Intl.DateTimeFormat

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  }

  dayOf(timeMs: number): string {
    return this.#format.format(timeMs).slice(0, 10)
  }

  add(backup: Backup): void {
    this.all.push(backup)
    const day = this.dayOf(backup.timeMs)
    this.days.set(backup.id, day)
    const monday = new Date(`${day}T12:00:00Z`)
    monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7))
    const names = {
      hour: String(Math.floor(backup.timeMs / HOUR_MS)),
      day,
      week: monday.toISOString().slice(0, 10),
      month: day.slice(0, 7),
      year: day.slice(0, 4),
    }
    for (const [period, name] of Object.entries(names)) {
      const newest = this.newestOf[period]!
      // Set again, a key would keep its old place in the map.
      newest.delete(name)
      newest.set(name, backup)
      // No rule here reaches further back.
      if (newest.size > 100) newest.delete(newest.keys().next().value!)
    }
  }
}

const last =
  (count: number): Rule =>
  (history) =>
    history.all.slice(-count)
const newestOfEach =
  (period: string, count: number): Rule =>
  (history) => {
    const kept = [...history.newestOf[period]!.values()].slice(-count)
    // Where there are fewer periods than the count, the oldest backup of all stays too.
    return kept.length < count && history.all.length > 0 ? [history.all[0]!, ...kept] : kept
  }
const youngerThan =
  (days: number): Rule =>
  (history, nowMs) => {
    const first = history.all.findLastIndex(({ timeMs }) => nowMs - timeMs > days * DAY_MS)
    return history.all.slice(first + 1)
  }

const everyHour = Array.from({ length: 24 }, (_, hour) => hour)

describe.each<[string, string, readonly number[], readonly Rule[], number]>([
  ['keep 30d', 'UTC', [2], [youngerThan(30)], 30],
  ['keep 30d,min-keep=5', 'UTC', [2], [youngerThan(30)], 30],
  ['last=10', 'UTC', [2], [last(10)], 5],
  [
    'daily=7,weekly=4,monthly=12,yearly=5',
    'UTC',
    [2],
    [newestOfEach('day', 7), newestOfEach('week', 4), newestOfEach('month', 12), newestOfEach('year', 5)],
    7,
  ],
  [
    'last=3,daily=14,monthly=24',
    'Europe/Berlin',
    [1, 13],
    [last(3), newestOfEach('day', 14), newestOfEach('month', 24)],
    14,
  ],
  [
    'hourly=48,daily=30,yearly=unlimited',
    'America/New_York',
    everyHour,
    [newestOfEach('hour', 48), newestOfEach('day', 30), newestOfEach('year', Number.MAX_SAFE_INTEGER)],
    30,
  ],
  [
    'hourly=24,weekly=8',
    'Australia/Lord_Howe',
    [0, 3, 6, 9, 12, 15, 18, 21],
    [newestOfEach('hour', 24), newestOfEach('week', 8)],
    2,
  ],
])('ten years of %s in %s, with backups at hours %j', (text, timeZone, hours, rules, periods) => {
  it('keep, every day, just what the rules promise, and report the longest gap', () => {
    const policy = parsePolicy(text)
    const dice = createDice(2014)
    const histories = { app: new History(timeZone), shop: new History(timeZone) }
    const pending: Backup[] = []
    let world: Backup[] = []
    let longestGap = 0
    for (let day = 0; day < DAYS; day += 1) {
      const nowMs = START + day * DAY_MS + 23.9 * HOUR_MS
      const taken = backupsOf(day, hours, dice)
      world.push(...taken)
      pending.push(...taken)
      pending.sort((a, b) => a.timeMs - b.timeMs)
      while (pending[0] !== undefined && pending[0].timeMs <= nowMs) {
        const due = pending.shift()!
        if (due.isUnpublished !== true) histories[due.group === 'app' ? 'app' : 'shop'].add(due)
      }
      const plan = planRetention(world, policy, {
        now: new Date(nowMs),
        timeZone,
        gaps: { period: 'day', periods },
      })
      const kept = plan.decisions.filter(({ keep }) => keep).map(({ item }) => item.id)
      const expected = expectedOn(nowMs, world, histories, rules, policy.minKeep)
      // Sets are compared as text: one comparison a day is much faster than one an item.
      expect(kept.toSorted().join('\n'), `day ${day}`).toBe([...expected].toSorted().join('\n'))
      const gap = longestRun(plan)
      expect(gap, `gap on day ${day}`).toBe(expectedGap(nowMs, world, histories, periods))
      longestGap = Math.max(longestGap, gap)
      world = world.filter(({ id }) => expected.has(id))
    }
    expect(longestGap).toBe(periods)
  }, 240_000)
})

function expectedOn(
  nowMs: number,
  world: readonly Backup[],
  histories: Record<string, History>,
  rules: readonly Rule[],
  minKeep: number = 1,
): Set<string> {
  const kept = new Set<string>()
  for (const [group, history] of Object.entries(histories)) {
    const chosen = new Set(rules.flatMap((rule) => Array.from(rule(history, nowMs), ({ id }) => id)))
    const newestFirst = world
      .filter((each) => each.group === group && each.isUnpublished !== true && each.timeMs <= nowMs)
      .toSorted((a, b) => b.timeMs - a.timeMs)
    for (const { id } of newestFirst) if (chosen.size < minKeep) chosen.add(id)
    for (const id of chosen) kept.add(id)
  }
  for (const { id, timeMs, storedMs, isUnpublished } of world) {
    const isYoung = isUnpublished === true && nowMs - storedMs <= GRACE_MS
    const isFuture = isUnpublished !== true && timeMs > nowMs
    if (isYoung || isFuture) kept.add(id)
  }
  return kept
}

function longestRun({ gaps }: RetentionPlan): number {
  return Math.max(
    0,
    ...gaps
      .filter(({ group }) => group === 'shop' || gaps.length === 1)
      .flatMap(({ runs }) => runs.map((run) => run.periods)),
  )
}

/** By hand: of the days before today, and since the first that is there, the most in a row without a good backup. */
function expectedGap(
  nowMs: number,
  world: readonly Backup[],
  histories: Record<string, History>,
  periods: number,
): number {
  const group = world.some((backup) => backup.group === 'shop') ? 'shop' : 'app'
  const history = histories[group]!
  const goodDays = new Set(world.map(({ id }) => history.days.get(id)))
  const times = world
    .filter((backup) => backup.group === group && backup.timeMs <= nowMs)
    .map(({ timeMs }) => timeMs)
  const firstDay = history.dayOf(Math.min(nowMs, ...times))
  const today = Date.parse(`${history.dayOf(nowMs)}T12:00:00Z`)
  let [longest, run] = [0, 0]
  for (let age = periods; age > 0; age -= 1) {
    const day = new Date(today - age * DAY_MS).toISOString().slice(0, 10)
    run = day < firstDay || goodDays.has(day) ? 0 : run + 1
    longest = Math.max(longest, run)
  }
  return longest
}

/** A small generator with a seed (mulberry32), so that every run sees the same ten years. */
function createDice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
