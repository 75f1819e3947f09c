import type { Remover } from './remove-keys.ts'
import { keysOf } from './deletion-note.ts'
import type { RetentionItem } from './retention-item.ts'
import type { ObjectLock } from './remove-keys.ts'

/** The lock on a whole item: the last of its objects' dates, and whether any is under legal hold. */
export function lockOfItem(
  item: RetentionItem,
  locks: ReadonlyMap<string, ObjectLock>,
): ObjectLock | undefined {
  const found = keysOf(item).flatMap((key) => locks.get(key) ?? [])
  if (found.length === 0) return undefined
  const until = found
    .flatMap((lock) => lock.until ?? [])
    .toSorted()
    .at(-1)
  return { legalHold: found.some((lock) => lock.legalHold), ...(until === undefined ? {} : { until }) }
}

/**
 * Items with the locks on some of them noted: those that a plan would remove, as it costs one request
 * for each object to find out. Plan again with what this returns.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { s3Store } from '@ops/object-store'
 * import { parsePolicy, planRetention, scanSets, withLocks } from '@ops/s3-retention'
 * import { findLocks } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * const [policy, options] = [parsePolicy('keep 30d'), { now: new Date() }]
 * const { items } = await scanSets({ store: s3Store(location) })
 * const removed = planRetention(items, policy, options).decisions.filter(({ keep }) => !keep)
 * const known = await withLocks(
 *   items,
 *   removed.map(({ item }) => item),
 *   (keys, signal) => findLocks(location, keys, { ...(signal && { signal }) }),
 * )
 * const plan = planRetention(known, policy, options)
 * console.log(plan.groups)
 * ```
 */
export async function withLocks(
  items: readonly RetentionItem[],
  asked: readonly RetentionItem[],
  findLocks: NonNullable<Remover['findLocks']>,
  signal?: AbortSignal,
): Promise<RetentionItem[]> {
  const locks = await findLocks(asked.flatMap(keysOf), signal)
  const askedIds = new Set(asked.map(({ id }) => id))
  return items.map((item) => {
    const lock = askedIds.has(item.id) ? lockOfItem(item, locks) : undefined
    return lock === undefined
      ? item
      : Object.assign({}, item, { lockedUntil: lock.until, legalHold: lock.legalHold })
  })
}
