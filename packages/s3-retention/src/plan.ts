import {
  findGapsInGroups,
  gapWindowOf,
  isTrace,
  type GapWindow,
  type GroupGaps,
  type GroupTimes,
} from './gaps.ts'
import {
  createJudgeContext,
  judgeGroup,
  keepWhatIsNeeded,
  type GroupOutcome,
  type JudgeContext,
  type Verdicts,
} from './judge-group.ts'
import type { RetentionPolicy } from './policy.ts'
import { formatPolicy } from './policy-text.ts'
import { RetentionError } from './retention-error.ts'
import { duplicateId, type RetentionItem } from './retention-item.ts'
import type { Verdict } from './rules.ts'

/** Options of {@link planRetention}. */
export interface PlanOptions {
  /** The time to plan for. */
  readonly now: Date
  /** In whose days, weeks, months and years the policy counts; an IANA name. @default 'UTC' */
  readonly timeZone?: string
  /** How old what has no manifest must be before it is removed: younger, it may be a backup that still runs. @default 72 */
  readonly graceHours?: number
  /** Where gaps are looked for. @default what the policy promises: its days, else its weeks, else its months */
  readonly gaps?: GapWindow
  /** A group in which nothing came for this long is retired, and has no gaps. @default none ever is */
  readonly retiredAfterDays?: number
}

/** `unpublished`: a set without its manifest. `broken`: one that is there, and worth nothing. */
export type ItemState = 'good' | 'broken' | 'unpublished'

/** What is to become of one item, and why. */
export interface RetentionDecision {
  readonly item: RetentionItem
  readonly state: ItemState
  readonly keep: boolean
  /** Why it is kept, or why no rule keeps it; never empty. */
  readonly reasons: readonly string[]
  /** Why it is not good; absent when it is. */
  readonly problem?: string
}

/** How much, in items and in bytes. */
export interface Amount {
  readonly items: number
  readonly bytes: number
}

/** What a plan does to one group. */
export interface GroupSummary {
  readonly group: string
  readonly kept: Amount
  readonly removed: Amount
  readonly good: Amount
  readonly broken: Amount
  readonly unpublished: Amount
  /** ISO 8601, of the items that are not dated in the future; absent when there is none. */
  readonly oldest?: string
  readonly newest?: string
  /** Why nothing of this group is removed, although the policy keeps nothing of it. */
  readonly refused?: string
}

/** What a policy means for what is there. Pure data: nothing was changed yet. */
export interface RetentionPlan {
  /** ISO 8601. */
  readonly now: string
  readonly timeZone: string
  readonly policy: RetentionPolicy
  readonly graceHours: number
  /** Group by group in order of their names, the newest item first. */
  readonly decisions: readonly RetentionDecision[]
  readonly groups: readonly GroupSummary[]
  readonly kept: Amount
  readonly removed: Amount
  readonly gaps: readonly GroupGaps[]
}

const DEFAULT_GRACE_HOURS = 72

/**
 * Decides for every item whether to keep it, and why. Pure: the same items in any order give the
 * same plan, and a plan made after this one was carried out removes nothing more.
 *
 * Throws a `RetentionError`: `RETENTION_POLICY_INVALID`, `RETENTION_POLICY_EMPTY`, `RETENTION_POLICY_KEEPS_NOTHING`,
 * `RETENTION_TIME_ZONE_UNKNOWN`, `RETENTION_OPTION_INVALID`, `RETENTION_ITEM_INVALID`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { parsePolicy, planRetention, scanSets } from '@ops/s3-retention'
 *
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }) })
 * const plan = planRetention(items, parsePolicy('keep 30d'), { now: new Date(), timeZone: 'Europe/Amsterdam' })
 * for (const { item, keep, reasons } of plan.decisions) console.log(keep ? 'keep  ' : 'remove', item.id, reasons)
 * ```
 */
export function planRetention(
  items: readonly RetentionItem[],
  policy: RetentionPolicy,
  options: PlanOptions,
): RetentionPlan {
  const { now, timeZone = 'UTC', graceHours = DEFAULT_GRACE_HOURS } = options
  const context = createJudgeContext(items, policy, { now, timeZone, graceHours })
  const groups = sortIntoGroups(context)
  const verdicts: Verdicts = Array.from({ length: items.length })
  const outcomes = new Map<string, GroupOutcome>()
  for (const [name, positions] of groups) outcomes.set(name, judgeGroup(positions, context, verdicts))
  checkKeepsSomething(groups, outcomes, context)
  keepWhatIsNeeded(context, verdicts)

  const decisions: RetentionDecision[] = []
  const summaries: GroupSummary[] = []
  for (const [name, positions] of groups) {
    const ofGroup = positions.map((position) => decisionOf(position, context, verdicts[position]!))
    for (const decision of ofGroup) decisions.push(decision)
    summaries.push(summarize(name, ofGroup, context.nowMs, outcomes.get(name)?.refused))
  }
  const { retiredAfterDays, gaps = gapWindowOf(policy, context.nowMs, context.clock) } = options
  const window = { ...gaps, retiredAfterDays }
  return {
    now: now.toISOString(),
    timeZone,
    policy,
    graceHours,
    decisions,
    groups: summaries,
    kept: total(summaries.map((summary) => summary.kept)),
    removed: total(summaries.map((summary) => summary.removed)),
    gaps: findGapsInGroups(timesOfGroups(groups, context), window, context.nowMs, context.clock),
  }
}

/**
 * Where a policy keeps nothing of one group of many, that group is left alone. Where it keeps nothing
 * of any, it is not the one that was meant, or backups stopped so long ago that there are worse troubles.
 */
function checkKeepsSomething(
  groups: ReadonlyMap<string, readonly number[]>,
  outcomes: ReadonlyMap<string, GroupOutcome>,
  { items, timesMs, dependencies, nowMs, policy }: JudgeContext,
): void {
  const all = [...outcomes.values()]
  const keepsSomething = all.some(({ policyKeeps }) => policyKeeps === 'something')
  const emptied = all.filter(({ policyKeeps, refused }) => policyKeeps === 'nothing' && refused !== undefined)
  if (keepsSomething || emptied.length === 0) return
  const newest = [...groups.values()]
    .flatMap(
      (positions) =>
        positions.find((each) => timesMs[each]! <= nowMs && !dependencies.problems.has(each)) ?? [],
    )
    .reduce((best, position) => (timesMs[position]! > timesMs[best]! ? position : best))
  const { id, time } = items[newest]!
  throw new RetentionError(
    'RETENTION_POLICY_KEEPS_NOTHING',
    `the policy "${formatPolicy(policy)}" would keep nothing at all; nothing was deleted. The newest good item, ${JSON.stringify(id)}, is of ${time}: if that is too long ago, find out why; otherwise mend the policy, or add min-keep=1`,
    { details: { key: id, found: items.length } },
  )
}

/** The positions of each group's items, newest first; equal times in the order of their ids. */
function sortIntoGroups({ items, timesMs }: JudgeContext): ReadonlyMap<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const [position, item] of items.entries()) {
    const positions = groups.get(item.group)
    if (positions === undefined) groups.set(item.group, [position])
    else positions.push(position)
  }
  const ids = new Set<string>()
  for (const positions of groups.values()) {
    ids.clear()
    for (const position of positions) {
      const { id } = items[position]!
      if (ids.size === ids.add(id).size) throw duplicateId(id)
    }
    positions.sort((a, b) => timesMs[b]! - timesMs[a]! || (items[a]!.id < items[b]!.id ? -1 : 1))
  }
  return new Map([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function decisionOf(
  position: number,
  { items, dependencies }: JudgeContext,
  judgement: Verdict,
): RetentionDecision {
  const item = items[position]!
  const problem = dependencies.problems.get(position)
  if (problem === undefined) return { item, state: 'good', keep: judgement.keep, reasons: judgement.reasons }
  const state = item.isUnpublished === true ? 'unpublished' : 'broken'
  return { item, state, keep: judgement.keep, reasons: judgement.reasons, problem }
}

function summarize(
  group: string,
  decisions: readonly RetentionDecision[],
  nowMs: number,
  refused: string | undefined,
): GroupSummary {
  const amounts = {
    kept: nothing(),
    removed: nothing(),
    good: nothing(),
    broken: nothing(),
    unpublished: nothing(),
  }
  for (const { item, keep, state } of decisions) {
    addTo(keep ? amounts.kept : amounts.removed, item.bytes)
    addTo(amounts[state], item.bytes)
  }
  const isPast = ({ item }: RetentionDecision): boolean => Date.parse(item.time) <= nowMs
  const [newest, oldest] = [decisions.find(isPast), decisions.findLast(isPast)]
  return {
    group,
    ...amounts,
    ...(newest === undefined ? {} : { newest: newest.item.time }),
    ...(oldest === undefined ? {} : { oldest: oldest.item.time }),
    ...(refused === undefined ? {} : { refused }),
  }
}

function nothing(): { items: number; bytes: number } {
  return { items: 0, bytes: 0 }
}

function addTo(amount: { items: number; bytes: number }, bytes: number): void {
  amount.items += 1
  amount.bytes += bytes
}

function total(amounts: readonly Amount[]): Amount {
  return amounts.reduce((sum, { items, bytes }) => ({ items: sum.items + items, bytes: sum.bytes + bytes }), {
    items: 0,
    bytes: 0,
  })
}

/** One group at a time, as the times of a million items need not be held at once. */
function* timesOfGroups(
  groups: ReadonlyMap<string, readonly number[]>,
  { items, timesMs, dependencies }: JudgeContext,
): Generator<GroupTimes> {
  const timeAt = (position: number): number => timesMs[position]!
  for (const [group, positions] of groups) {
    const good = positions.filter((position) => !dependencies.problems.has(position))
    const traces = positions.filter((position) => isTrace(items[position]!))
    yield { group, itemsMs: traces.map(timeAt), goodMs: good.map(timeAt) }
  }
}
