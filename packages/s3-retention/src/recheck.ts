import { findDependencies } from './dependencies.ts'
import type { RetentionDecision, RetentionPlan } from './plan.ts'
import { RetentionError } from './retention-error.ts'
import { duplicateId, objectsOf, type RetentionItem } from './retention-item.ts'

/** Why an item that the plan wanted to remove stays: it is gone already, no longer what the plan saw, or needed now. */
export interface Spared {
  readonly item: RetentionItem
  readonly outcome: 'gone' | 'changed' | 'needed'
  readonly detail: string
}

export interface Recheck {
  /** What may be removed, as it is now; what rests on another item stands in an earlier step. */
  readonly steps: readonly (readonly RetentionItem[])[]
  readonly spared: readonly Spared[]
}

/** A store that lists less than this share of what the plan saw is not believed. */
const MIN_SHARE_STILL_THERE = 0.9

/**
 * Compares the store as it is now with what the plan saw. Throws `RETENTION_WORLD_CHANGED` when
 * nothing, or much less, is listed: then the listing is more likely wrong than the world.
 */
export function recheck(plan: RetentionPlan, items: readonly RetentionItem[]): Recheck {
  checkUnambiguous(plan)
  const current = new Map(items.map((item) => [item.id, item]))
  checkStillThere(plan, current)
  const { problems } = findDependencies(items)
  const goodIds = new Set(items.filter((_, position) => !problems.has(position)).map(({ id }) => id))
  const safeGroups = groupsWithGood(plan, goodIds)
  const spared: Spared[] = []
  const removable = new Map<string, RetentionItem>()
  for (const { item, keep } of plan.decisions) {
    if (keep) continue
    const now = current.get(item.id)
    const detail = now === undefined ? undefined : differenceOf(item, now, plan.now)
    if (now === undefined) spared.push({ item, outcome: 'gone', detail: 'it was gone already' })
    else if (detail !== undefined) spared.push({ item, outcome: 'changed', detail })
    else if (!safeGroups.has(item.group)) {
      spared.push({
        item,
        outcome: 'changed',
        detail: 'no good item that the plan keeps is left in its group',
      })
    } else removable.set(item.id, now)
  }
  spareWhatIsNeeded(items, removable, spared)
  return { steps: sortByNeed(removable), spared }
}

/** Groups are checked for doubles when they are planned; this is for one id in two groups. */
function checkUnambiguous(plan: RetentionPlan): void {
  const kept = new Set(plan.decisions.filter(({ keep }) => keep).map(({ item }) => item.id))
  const both = plan.decisions.find(({ item, keep }) => !keep && kept.has(item.id))
  if (both !== undefined) throw duplicateId(both.item.id)
}

function checkStillThere(plan: RetentionPlan, current: ReadonlyMap<string, RetentionItem>): void {
  const kept = plan.decisions.filter(({ keep }) => keep)
  const found = kept.filter(({ item }) => current.has(item.id)).length
  if (found > 0 && found >= kept.length * MIN_SHARE_STILL_THERE) return
  throw new RetentionError(
    'RETENTION_WORLD_CHANGED',
    `of ${kept.length} items that the plan keeps, the store lists only ${found} now; nothing was deleted. Find out what happened to the others, then plan again`,
    { details: { planned: kept.length, found } },
  )
}

/** Groups in which something good that the plan keeps is still there and still good. */
function groupsWithGood(plan: RetentionPlan, goodIds: ReadonlySet<string>): Set<string> {
  const isSafe = ({ item, keep, state }: RetentionDecision): boolean =>
    keep && state === 'good' && goodIds.has(item.id)
  return new Set(plan.decisions.filter(isSafe).map(({ item }) => item.group))
}

function differenceOf(planned: RetentionItem, now: RetentionItem, plannedAt: string): string | undefined {
  if (now.pinned === true && planned.pinned !== true) return 'it was pinned after it was planned'
  if ((now.isUnpublished === true) !== (planned.isUnpublished === true))
    return 'its manifest came or went after it was planned'
  const before = new Map(objectsOf(planned).map((object) => [object.key, object]))
  const after = objectsOf(now).filter(({ key }) => key !== now.noteKey)
  for (const { key, size, lastModified } of after) {
    const known = before.get(key)
    if (lastModified > plannedAt) return `${JSON.stringify(key)} is newer than the plan`
    if (known?.size !== size || known.lastModified !== lastModified)
      return `${JSON.stringify(key)} changed after it was planned`
  }
  return undefined
}

/** A set that was published after the plan may rest on one that the plan removes. */
function spareWhatIsNeeded(
  items: readonly RetentionItem[],
  removable: Map<string, RetentionItem>,
  spared: Spared[],
): void {
  const queue = items.filter((item) => !removable.has(item.id))
  for (const item of queue) {
    for (const id of item.requires ?? []) {
      const needed = removable.get(id)
      if (needed === undefined) continue
      removable.delete(id)
      spared.push({ item: needed, outcome: 'needed', detail: `it is required by ${item.id}` })
      queue.push(needed)
    }
  }
}

/** Steps in which everything comes before what it requires, so that no step leaves something that rests on nothing. */
function sortByNeed(removable: ReadonlyMap<string, RetentionItem>): RetentionItem[][] {
  const needs = (item: RetentionItem): RetentionItem[] =>
    (item.requires ?? []).flatMap((id) => removable.get(id) ?? [])
  const dependents = new Map<RetentionItem, number>()
  for (const item of removable.values()) {
    for (const needed of needs(item)) dependents.set(needed, (dependents.get(needed) ?? 0) + 1)
  }
  // The oldest first, so that a run that is stopped leaves no hole in the middle.
  const rest = new Set([...removable.values()].toReversed())
  const steps: RetentionItem[][] = []
  let step = [...rest].filter((item) => !dependents.has(item))
  while (step.length > 0) {
    steps.push(step)
    const next: RetentionItem[] = []
    for (const item of step) {
      rest.delete(item)
      for (const needed of needs(item)) {
        const left = dependents.get(needed)! - 1
        dependents.set(needed, left)
        if (left === 0) next.push(needed)
      }
    }
    step = next
  }
  // What is left needs itself in a circle, so it goes all at once.
  return rest.size === 0 ? steps : [...steps, [...rest]]
}
