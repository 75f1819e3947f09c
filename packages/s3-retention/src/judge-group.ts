import { findDependencies, type Dependencies } from './dependencies.ts'
import { checkPolicy, type RetentionPolicy } from './policy.ts'
import { RetentionError } from './retention-error.ts'
import { timeOf, type RetentionItem } from './retention-item.ts'
import { compileRules, judge, type CompiledRules, type Lane, type Verdict } from './rules.ts'
import { createZoneClock, type ZoneClock } from './zone-clock.ts'

export interface JudgeOptions {
  readonly now: Date
  readonly timeZone: string
  readonly graceHours: number
}

/** All that is known before the first item is judged. Positions are those in `items`. */
export interface JudgeContext {
  readonly policy: RetentionPolicy
  readonly items: readonly RetentionItem[]
  readonly timesMs: Float64Array
  readonly dependencies: Dependencies
  readonly rules: CompiledRules
  readonly minKeep: number
  readonly pins: readonly RegExp[]
  readonly clock: ZoneClock
  readonly nowMs: number
  readonly graceHours: number
}

/** The verdicts found so far, by position. */
export type Verdicts = (Verdict | undefined)[]

/** What a policy means for one group as a whole. */
export interface GroupOutcome {
  /** Why nothing of the group may be removed. */
  readonly refused?: string
  /** Of the good items; absent where there are none. */
  readonly policyKeeps?: 'something' | 'nothing'
}

const NO_GOOD = 'refused: the group has no good item'
const KEEPS_NOTHING = 'refused: the policy would keep nothing of this group'

/** Checks all input. Throws a `RetentionError`. */
export function createJudgeContext(
  items: readonly RetentionItem[],
  policy: RetentionPolicy,
  { now, timeZone, graceHours }: JudgeOptions,
): JudgeContext {
  if (!(graceHours >= 0)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `graceHours: ${graceHours} is not a number of 0 or more`,
    )
  }
  checkPolicy(policy)
  const clock = createZoneClock(timeZone)
  return {
    policy,
    items,
    timesMs: timesOf(items),
    dependencies: findDependencies(items),
    rules: compileRules(policy, clock, now.getTime()),
    minKeep: policy.minKeep ?? 0,
    pins: (policy.pins ?? []).map(patternOf),
    clock,
    nowMs: now.getTime(),
    graceHours,
  }
}

/**
 * Judges the items of one group, given newest first. Nothing of a group may be removed on the word of
 * a policy that keeps nothing of it, nor where nothing is good: then removing is more likely a mistake
 * than a wish.
 */
export function judgeGroup(
  positions: readonly number[],
  context: JudgeContext,
  verdicts: Verdicts,
): GroupOutcome {
  const lanes = splitGroup(positions, context)
  for (const position of lanes.future) verdicts[position] = { keep: true, reasons: ['dated in the future'] }
  judgeGood(lanes.good, context, verdicts)
  judgeBroken(lanes, context, verdicts)
  judgeUnpublished(lanes.unpublished, context, verdicts)

  const outcome = outcomeOf(lanes, verdicts)
  const { refused } = outcome
  for (const position of positions) {
    if (refused !== undefined && !verdicts[position]!.keep)
      verdicts[position] = { keep: true, reasons: [refused] }
    keepByFacts(position, context, verdicts)
  }
  return outcome
}

/** `Float64Array.from` takes twice as long, and this is for millions. */
function timesOf(items: readonly RetentionItem[]): Float64Array {
  const timesMs = new Float64Array(items.length)
  for (let position = 0; position < items.length; position += 1) timesMs[position] = timeOf(items[position]!)
  return timesMs
}

/** Keeps what any kept item requires, directly or through others, also in other groups. */
export function keepWhatIsNeeded({ items, dependencies }: JudgeContext, verdicts: Verdicts): void {
  const queue: number[] = []
  for (const [position, item] of items.entries()) {
    if (item.requires !== undefined && verdicts[position]!.keep) queue.push(position)
  }
  for (const position of queue) {
    for (const needed of dependencies.needs(position)) {
      if (verdicts[needed]!.keep) continue
      verdicts[needed] = { keep: true, reasons: [`required by ${items[position]!.id}`] }
      queue.push(needed)
    }
  }
}

/** Positions, newest first each. */
interface Lanes {
  /** Published, not dated in the future, and good. */
  readonly good: number[]
  /** Published and not dated in the future, good or not. */
  readonly past: number[]
  readonly future: number[]
  readonly unpublished: number[]
}

function splitGroup(
  positions: readonly number[],
  { items, timesMs, nowMs, dependencies }: JudgeContext,
): Lanes {
  const lanes: Lanes = { good: [], past: [], future: [], unpublished: [] }
  for (const position of positions) {
    if (items[position]!.isUnpublished === true) lanes.unpublished.push(position)
    else if (timesMs[position]! > nowMs) lanes.future.push(position)
    else lanes.past.push(position)
  }
  for (const position of lanes.past) {
    if (!dependencies.problems.has(position)) lanes.good.push(position)
  }
  return lanes
}

/** The rules first, then `minKeep` fills up, and the newest stays whatever they say. */
function judgeGood(good: readonly number[], context: JudgeContext, verdicts: Verdicts): void {
  const judged = judge(laneOf(good, context), context.rules)
  let missing = context.minKeep
  for (const [index, position] of good.entries()) {
    verdicts[position] = judged[index]!
    if (judged[index]!.keep) missing -= 1
  }
  for (let index = 0; index < good.length && missing > 0; index += 1) {
    if (judged[index]!.keep) continue
    verdicts[good[index]!] = { keep: true, reasons: [`minimum of ${context.minKeep}`] }
    missing -= 1
  }
}

/** A broken item stays as long as it would if it were good, but takes no place from a good one. */
function judgeBroken({ good, past }: Lanes, context: JudgeContext, verdicts: Verdicts): void {
  if (past.length === good.length) return
  const judged = judge(laneOf(past, context), context.rules)
  for (const [index, position] of past.entries()) verdicts[position] ??= judged[index]!
}

function judgeUnpublished(unpublished: readonly number[], context: JudgeContext, verdicts: Verdicts): void {
  const { items, nowMs, graceHours } = context
  for (const position of unpublished) {
    const item = items[position]!
    if (item.isHalfDeleted === true) {
      verdicts[position] = { keep: false, reasons: ['its deletion was begun, and cut short'] }
      continue
    }
    const isOld = Date.parse(item.lastModified ?? item.time) < nowMs - graceHours * 3_600_000
    verdicts[position] = isOld
      ? { keep: false, reasons: [`no manifest, and older than ${graceHours} h`] }
      : { keep: true, reasons: [`no manifest, but not older than ${graceHours} h: a backup may be running`] }
  }
}

/** Also keeps the newest good item, where that alone is enough. */
function outcomeOf({ good, past, future, unpublished }: Lanes, verdicts: Verdicts): GroupOutcome {
  const isKept = (position: number): boolean => verdicts[position]!.keep
  if (good.length === 0) {
    const isAllKept = [...past, ...unpublished].every(isKept)
    return isAllKept ? {} : { refused: NO_GOOD }
  }
  if (good.some(isKept)) return { policyKeeps: 'something' }
  verdicts[good[0]!] = { keep: true, reasons: ['newest good item of its group'] }
  return { policyKeeps: 'nothing', ...(past.length + future.length > 1 ? { refused: KEEPS_NOTHING } : {}) }
}

/** What an item itself says against its removal: pins, locks, legal holds. */
function keepByFacts(position: number, { items, pins, nowMs }: JudgeContext, verdicts: Verdicts): void {
  const item = items[position]!
  const { keep, reasons } = verdicts[position]!
  const { pinned, lockedUntil, legalHold } = item
  if (pinned === undefined && lockedUntil === undefined && legalHold === undefined && pins.length === 0)
    return
  const facts: string[] = []
  if (pinned === true || pins.some((pin) => pin.test(item.id))) facts.push('pinned')
  const isLocked = lockedUntil !== undefined && Date.parse(lockedUntil) > nowMs
  if (!keep && isLocked) facts.push(`locked until ${lockedUntil}`)
  if (!keep && legalHold === true) facts.push('under legal hold')
  if (facts.length > 0) verdicts[position] = { keep: true, reasons: keep ? [...reasons, ...facts] : facts }
}

function laneOf(positions: readonly number[], { items, timesMs }: JudgeContext): Lane {
  return {
    length: positions.length,
    timeMs: (index) => timesMs[positions[index]!]!,
    tags: (index) => items[positions[index]!]!.tags ?? [],
  }
}

/** A pin as a pattern over whole ids; `*` stands for any characters, also slashes. */
function patternOf(pin: string): RegExp {
  const literals = pin.split('*').map((text) => text.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`))
  return new RegExp(`^${literals.join('.*')}$`, 's')
}
