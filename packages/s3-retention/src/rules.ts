import { formatCalendarDuration, parseCalendarDuration, subtractDuration } from './calendar-duration.ts'
import { periodIndex, type Period } from './period.ts'
import { COUNT_RULES, UNLIMITED, WITHIN_RULES, type RetentionPolicy } from './policy.ts'
import type { ZoneClock } from './zone-clock.ts'

/** What a rule looks at: each item by itself, or the newest item of each period. */
type Scope = 'item' | Period

interface CompiledRule {
  readonly name: string
  readonly scope: Scope
  /** `undefined` for rules that do not count. */
  readonly count?: number
  /** Only items after this instant, for a rule with a window. */
  readonly afterMs: (newestMs: number) => number
  readonly keptReason: string
  readonly removedReasons: Record<Exclude<Outcome, 'kept' | 'keptOldest'>, string>
}

type Outcome = 'kept' | 'keptOldest' | 'notNewest' | 'usedUp' | 'tooOld'
const OUTCOMES: readonly Outcome[] = ['kept', 'keptOldest', 'notNewest', 'usedUp', 'tooOld']

/** A policy made ready for judging many groups. */
export interface CompiledRules {
  readonly rules: readonly CompiledRule[]
  readonly tags: RetentionPolicy['tags']
  readonly clock: ZoneClock
}

export interface Verdict {
  readonly keep: boolean
  readonly reasons: readonly string[]
}

/** One group's items, newest first; equal times in a fixed order. */
export interface Lane {
  readonly length: number
  timeMs(position: number): number
  tags(position: number): readonly string[]
}

/** Called after an item was judged, with what is left of each count; for explaining. */
export type OnJudged = (position: number, countsLeft: Readonly<Record<string, number>>) => void

const SCOPES: Record<string, Period> = {
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
}

export function compileRules(policy: RetentionPolicy, clock: ZoneClock, nowMs: number): CompiledRules {
  const rules: CompiledRule[] = []
  if (policy.maxAgeDays !== undefined) rules.push(ageRule(policy.maxAgeDays, nowMs))
  if (policy.within !== undefined) rules.push(withinRule('within', policy.within, clock))
  for (const name of COUNT_RULES) {
    const count = policy[name] ?? 0
    if (count !== 0) rules.push(countRule(name, count))
  }
  for (const name of WITHIN_RULES) {
    const text = policy[name]
    if (name !== 'within' && text !== undefined) rules.push(withinRule(name, text, clock))
  }
  return { rules, tags: policy.tags, clock }
}

/**
 * Judges the items of one group as restic's `forget` does. Every rule looks at every item, so one
 * item may spend several counts. The newest item of a period stands for it; empty periods spend
 * nothing; and the oldest item of all is kept by every rule with a count left, so that history
 * reaches back as far as it can.
 */
export function judge(lane: Lane, compiled: CompiledRules, onJudged?: OnJudged): Verdict[] {
  if (lane.length === 0) return []
  const newestMs = lane.timeMs(0)
  const states = compiled.rules.map((rule) => ({
    rule,
    afterMs: rule.afterMs(newestMs),
    left: rule.count ?? UNLIMITED,
    /** The last period that was kept. Going back in time periods only fall, also where clocks were set back. */
    keptPeriod: Number.POSITIVE_INFINITY,
  }))
  const known = new Map<number, Verdict>()
  const verdicts: Verdict[] = []
  for (let position = 0; position < lane.length; position += 1) {
    const timeMs = lane.timeMs(position)
    const isOldest = position === lane.length - 1
    let signature = 0
    for (const state of states) {
      signature =
        signature * OUTCOMES.length + OUTCOMES.indexOf(judgeByRule(state, timeMs, isOldest, compiled.clock))
    }
    let verdict = known.get(signature)
    if (verdict === undefined) {
      verdict = verdictOf(signature, compiled.rules)
      known.set(signature, verdict)
    }
    verdicts.push(withTags(verdict, lane.tags(position), compiled.tags))
    onJudged?.(
      position,
      Object.fromEntries(states.filter(({ rule }) => rule.count).map(({ rule, left }) => [rule.name, left])),
    )
  }
  return verdicts
}

interface RuleState {
  readonly rule: CompiledRule
  readonly afterMs: number
  left: number
  keptPeriod: number
}

function judgeByRule(state: RuleState, timeMs: number, isOldest: boolean, clock: ZoneClock): Outcome {
  if (state.left === 0) return 'usedUp'
  if (timeMs <= state.afterMs) return 'tooOld'
  let outcome: Outcome = 'kept'
  if (state.rule.scope !== 'item') {
    const period = periodIndex(state.rule.scope, timeMs, clock)
    if (period >= state.keptPeriod) {
      if (!isOldest) return 'notNewest'
      outcome = 'keptOldest'
    }
    state.keptPeriod = Math.min(period, state.keptPeriod)
  }
  if (state.left > 0) state.left -= 1
  return outcome
}

/** Items with the same outcome under every rule share one verdict, which saves memory by the million. */
function verdictOf(signature: number, rules: readonly CompiledRule[]): Verdict {
  const outcomes: Outcome[] = []
  for (let rest = signature; outcomes.length < rules.length; rest = Math.floor(rest / OUTCOMES.length)) {
    outcomes.unshift(OUTCOMES[rest % OUTCOMES.length]!)
  }
  const kept: string[] = []
  const removed: string[] = []
  for (const [index, outcome] of outcomes.entries()) {
    const rule = rules[index]!
    if (outcome === 'kept') kept.push(rule.keptReason)
    else if (outcome === 'keptOldest') kept.push(`oldest ${rule.keptReason}`)
    else removed.push(rule.removedReasons[outcome])
  }
  return kept.length > 0 ? { keep: true, reasons: kept } : { keep: false, reasons: removed }
}

function withTags(verdict: Verdict, tags: readonly string[], lists: RetentionPolicy['tags']): Verdict {
  if (lists === undefined) return verdict
  const matching = lists.filter((list) =>
    list.every((tag) => (tag === '' ? tags.length === 0 : tags.includes(tag))),
  )
  if (matching.length === 0) {
    return verdict.keep ? verdict : { keep: false, reasons: [...verdict.reasons, 'has none of the tags'] }
  }
  const reasons = matching.map((list) =>
    list.join() === '' ? 'has no tags' : `has tags [${list.join(', ')}]`,
  )
  return { keep: true, reasons: verdict.keep ? [...reasons, ...verdict.reasons] : reasons }
}

function ageRule(days: number, nowMs: number): CompiledRule {
  const limitMs = nowMs - days * 86_400_000
  return {
    name: 'maxAgeDays',
    scope: 'item',
    // Kept up to and including that age, so the window begins just before it.
    afterMs: () => limitMs - 1,
    keptReason: `at most ${days} days old`,
    removedReasons: reasonsOf(`more than ${days} days old`),
  }
}

function countRule(name: (typeof COUNT_RULES)[number], count: number): CompiledRule {
  const period = SCOPES[name]
  const what = period === undefined ? `the last ${count}` : `the last ${count} ${period}s that have one`
  return {
    name,
    scope: period ?? 'item',
    count,
    afterMs: () => Number.NEGATIVE_INFINITY,
    keptReason: `${name} snapshot`,
    removedReasons: reasonsOf(
      '',
      `${name}: a newer one stands for its ${period}`,
      `${name}: older than ${what}`,
    ),
  }
}

function withinRule(name: (typeof WITHIN_RULES)[number], text: string, clock: ZoneClock): CompiledRule {
  const duration = parseCalendarDuration(text, name)
  const canonical = formatCalendarDuration(duration)
  const rhythm = name.slice('within'.length).toLowerCase()
  const period = SCOPES[rhythm]
  const keptReason = period === undefined ? `within ${canonical}` : `${rhythm} within ${canonical}`
  return {
    name,
    scope: period ?? 'item',
    afterMs: (newestMs) => subtractDuration(newestMs, duration, clock),
    keptReason,
    removedReasons: reasonsOf(
      `not within ${canonical} of the newest`,
      `${keptReason}: a newer one stands for its ${period}`,
    ),
  }
}

function reasonsOf(
  tooOld: string,
  notNewest: string = '',
  usedUp: string = '',
): CompiledRule['removedReasons'] {
  return { tooOld, notNewest, usedUp }
}
