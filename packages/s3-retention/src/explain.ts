import type { RetentionDecision, RetentionPlan } from './plan.ts'
import { objectsOf } from './retention-item.ts'

/** Everything that a plan knows of one item. */
export interface Explanation {
  readonly decision: RetentionDecision
  /** Its place in its group, from 1, the newest first. */
  readonly place: number
  readonly groupItems: number
  /** Ids of the items that require it, directly. */
  readonly requiredBy: readonly string[]
}

/**
 * Explains the decision on an item, found by its id or by the key of one of its objects; `undefined` when the plan has none.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { explainDecision, parsePolicy, planRetention, scanSets } from '@ops/s3-retention'
 *
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }) })
 * const plan = planRetention(items, parsePolicy('keep 30d'), { now: new Date() })
 * console.log(explainDecision(plan, '20260131T020000Z-a1b2c3'))
 * ```
 */
export function explainDecision(plan: RetentionPlan, key: string): Explanation | undefined {
  const wanted = key.replace(/\/+$/, '')
  const { decisions } = plan
  const decision =
    decisions.find(({ item }) => item.id === wanted) ??
    decisions.find(({ item }) => objectsOf(item).some((object) => object.key === wanted))
  if (decision === undefined) return undefined
  const { id, group } = decision.item
  const ofGroup = decisions.filter(({ item }) => item.group === group)
  return {
    decision,
    place: ofGroup.indexOf(decision) + 1,
    groupItems: ofGroup.length,
    requiredBy: decisions
      .filter(({ item }) => item.requires?.includes(id) === true)
      .map(({ item }) => item.id),
  }
}
