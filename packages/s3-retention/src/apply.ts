import { errorMessage } from '@ops/internal-error'
import type { ObjectStore } from '@ops/object-store'
import { hasNote, keysOf, needsNote, writeNote } from './deletion-note.ts'
import { forEachConcurrently } from './for-each-concurrently.ts'
import { lockOfItem } from './item-locks.ts'
import type { Amount, RetentionPlan } from './plan.ts'
import { recheck, type Spared } from './recheck.ts'
import { removeKeys, storeRemover, type KeyResult, type ObjectLock, type Remover } from './remove-keys.ts'
import { isRetentionError, RetentionError } from './retention-error.ts'
import type { RetentionItem } from './retention-item.ts'
import type { Scan } from './scan.ts'
import { toRetentionError } from './store-failure.ts'

/** Options of {@link applyRetention}. */
export interface ApplyOptions {
  /** Where to delete. */
  readonly store: ObjectStore
  /** Looks at the store again, in the same way as before the plan: `() => scanSets({ store, prefix })`. */
  readonly scan: () => Promise<Scan>
  /** The largest share of all items that may be removed, from 0 to 1. @default 0.5 */
  readonly maxDeleteFraction?: number
  /** How keys are removed. @default the store's `delete`; see `s3Remover` for versioned and locked buckets */
  readonly remover?: Remover
  /** Batches of 1,000 keys under way at a time. @default 4 */
  readonly concurrency?: number
  /** How often a key is tried. @default 4 */
  readonly maxAttempts?: number
  /** Wait before the second attempt; it doubles, with jitter. @default 500 */
  readonly retryDelayMs?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Told after each batch of keys. */
  readonly onProgress?: (progress: ApplyProgress) => void
}

/** How far {@link applyRetention} is; items and bytes count up from the start of the run. */
export type ApplyProgress =
  | { readonly phase: 'checking' }
  | {
      readonly phase: 'deleting'
      readonly items: number
      readonly totalItems: number
      readonly bytes: number
    }

/**
 * `gone`: someone else removed it. `changed` and `needed`: the world is not as the plan saw it, so it
 * stays. `locked`: Object Lock or a legal hold forbids it. Only `failed` is a failure.
 */
export type ItemOutcome = 'deleted' | 'gone' | 'changed' | 'needed' | 'locked' | 'failed'

/** What became of one item that the plan removes. */
export interface ItemReport {
  readonly id: string
  readonly group: string
  readonly bytes: number
  readonly outcome: ItemOutcome
  /** Why, for everything but `deleted`. */
  readonly detail?: string
  /** ISO 8601, of the last lock to end. */
  readonly lockedUntil?: string
  readonly legalHold?: boolean
}

/** What {@link applyRetention} did. */
export interface ApplyResult {
  readonly items: readonly ItemReport[]
  /** What became of every key that was to be deleted. */
  readonly keys: readonly KeyResult[]
  /** Items that are gone with all their objects through this run. */
  readonly deleted: Amount
  readonly failures: number
}

export const DEFAULT_MAX_DELETE_FRACTION = 0.5

/**
 * Deletes exactly what the plan removes, after looking again whether the world is still as the plan
 * saw it. Of a set the manifest goes first; what others rest on goes last. Stopped at any moment and
 * run again, it ends where one run would have: see deletion-note.ts.
 *
 * Rejects with `RETENTION_TOO_MUCH` and `RETENTION_WORLD_CHANGED` before anything is deleted, and with
 * `RETENTION_STORE_FAILED`, which may come half way. A key that cannot be deleted is no rejection: see the result.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { applyRetention, parsePolicy, planRetention, scanSets } from '@ops/s3-retention'
 *
 * const store = fileStore({ folder: '/backups' })
 * const scan = () => scanSets({ store })
 * const plan = planRetention((await scan()).items, parsePolicy('keep 30d'), { now: new Date() })
 * const { deleted, failures } = await applyRetention(plan, { store, scan, maxDeleteFraction: 0.2 })
 * console.log(`${deleted.items} backups, ${deleted.bytes} bytes gone, ${failures} failures`)
 * ```
 */
export async function applyRetention(plan: RetentionPlan, options: ApplyOptions): Promise<ApplyResult> {
  const { store, scan, signal, onProgress } = options
  checkMaxDelete(plan, options.maxDeleteFraction)
  const report = createReport()
  if (plan.removed.items === 0) return report.result()

  onProgress?.({ phase: 'checking' })
  signal?.throwIfAborted()
  const { steps, spared } = recheck(plan, await look(scan, store, signal))
  for (const each of spared) report.spare(each)
  const context: DeleteContext = {
    plan,
    store,
    remover: options.remover ?? storeRemover(store),
    concurrency: options.concurrency ?? 4,
    maxAttempts: options.maxAttempts ?? 4,
    retryDelayMs: options.retryDelayMs ?? 500,
    signal,
    report,
    stuck: new Map(),
    onDeleted: () => onProgress?.({ phase: 'deleting', totalItems: plan.removed.items, ...report.deleted() }),
  }
  try {
    for (const step of steps) {
      for (let at = 0; at < step.length; at += CHUNK_ITEMS)
        await deleteChunk(step.slice(at, at + CHUNK_ITEMS), context)
    }
  } catch (error) {
    const done = report.deleted().items
    throw toRetentionError(
      error,
      `deleting from ${store.url} (${done} items are done, run again to go on)`,
      signal,
    )
  }
  return report.result()
}

/**
 * Throws `RETENTION_TOO_MUCH` when a plan removes more than this share of all items, and
 * `RETENTION_OPTION_INVALID` when the share is none.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { checkMaxDelete, parsePolicy, planRetention, scanSets } from '@ops/s3-retention'
 *
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }) })
 * const plan = planRetention(items, parsePolicy('keep 30d'), { now: new Date() })
 * checkMaxDelete(plan, 0.1) // throws RETENTION_TOO_MUCH when more than a tenth would go
 * ```
 */
export function checkMaxDelete(plan: RetentionPlan, fraction: number = DEFAULT_MAX_DELETE_FRACTION): void {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `maxDeleteFraction: ${fraction} is not a number from 0 to 1`,
    )
  }
  const allowed = Math.floor(plan.decisions.length * fraction)
  if (plan.removed.items <= allowed) return
  throw new RetentionError(
    'RETENTION_TOO_MUCH',
    `the plan removes ${plan.removed.items} of ${plan.decisions.length} items, and one run may remove ${allowed} (${Math.round(fraction * 100)} %); nothing was deleted. If that is what you want, allow more`,
    { details: { planned: plan.removed.items, found: allowed } },
  )
}

/** Sets whose manifests go in one request, before their other objects. */
const CHUNK_ITEMS = 1000

interface DeleteContext {
  readonly plan: RetentionPlan
  readonly store: ObjectStore
  readonly remover: Remover
  readonly concurrency: number
  readonly maxAttempts: number
  readonly retryDelayMs: number
  readonly signal: AbortSignal | undefined
  readonly report: Report
  /** What could not be deleted, by the ids of what it requires: that has to stay too. */
  readonly stuck: Map<string, string>
  readonly onDeleted: () => void
}

async function deleteChunk(chunk: readonly RetentionItem[], context: DeleteContext): Promise<void> {
  const noted = await noteDeletions(await withoutLocked(withoutStuck(chunk, context), context), context)
  const headOf = (item: RetentionItem): string[] => keysOf(item).slice(0, 1)
  const heads = await removeKeys(noted.flatMap(headOf), context)
  const headless = noted.filter((item) => headOf(item).every((key) => heads.get(key)?.outcome === 'deleted'))
  const rest = await removeKeys(
    headless.flatMap((item) => keysOf(item).slice(1)),
    context,
  )
  const gone: RetentionItem[] = []
  for (const item of noted) {
    const results = keysOf(item).flatMap((key) => heads.get(key) ?? rest.get(key) ?? [])
    const failure = results.find((result) => result.outcome === 'failed')
    context.report.addKeys(results)
    if (failure === undefined) gone.push(item)
    else keepAll(item, { outcome: 'failed', detail: failure.message }, context)
  }
  await finishDeletions(gone, context)
  context.onDeleted()
}

function withoutStuck(items: readonly RetentionItem[], context: DeleteContext): RetentionItem[] {
  return items.filter((item) => {
    const by = context.stuck.get(item.id)
    if (by === undefined) return true
    const detail = `it is required by ${by}, which could not be deleted`
    keepAll(item, { outcome: 'needed', detail }, context)
    return false
  })
}

async function withoutLocked(
  items: readonly RetentionItem[],
  context: DeleteContext,
): Promise<readonly RetentionItem[]> {
  const locks = await context.remover.findLocks?.(items.flatMap(keysOf), context.signal)
  if (locks === undefined) return items
  return items.filter((item) => {
    const lock = lockOfItem(item, locks)
    if (lock !== undefined) keepAll(item, endingOfLock(lock), context)
    return lock === undefined
  })
}

/** Stores the notes of the deletions that begin now; what cannot be noted is not begun. */
async function noteDeletions(
  items: readonly RetentionItem[],
  context: DeleteContext,
): Promise<RetentionItem[]> {
  const { plan, store, concurrency, signal } = context
  const failed = new Set<RetentionItem>()
  const noted = items.filter((item) => needsNote(item, plan))
  await forEachConcurrently(noted, concurrency, async (item) => {
    try {
      await store.put(item.noteKey!, writeNote(item), { contentType: 'application/json', signal })
    } catch (error) {
      signal?.throwIfAborted()
      failed.add(item)
      const detail = `it was not begun to delete it, as that could not be noted: ${errorMessage(error)}`
      keepAll(item, { outcome: 'failed', detail }, context)
    }
  })
  return items.filter((item) => !failed.has(item))
}

/** Removes the notes of items of which all the rest is gone, and reports these as deleted. */
async function finishDeletions(items: readonly RetentionItem[], context: DeleteContext): Promise<void> {
  const { plan, store, report } = context
  const notesOf = (item: RetentionItem): string[] =>
    item.noteKey !== undefined && (needsNote(item, plan) || hasNote(item)) ? [item.noteKey] : []
  const notes = items.flatMap(notesOf)
  const removed = await removeKeys(notes, context)
  const left = notes.filter((key) => removed.get(key)?.outcome === 'failed')
  // A bucket may lock what is put into it, notes too: then its versions cannot go yet, and it is only hidden.
  const hidden = await removeKeys(left, { ...context, remover: storeRemover(store) })
  for (const item of items) {
    const failure = notesOf(item).flatMap((key) => {
      const result = hidden.get(key)
      return result?.outcome === 'failed' ? [result] : []
    })[0]
    if (failure === undefined) report.add(item, { outcome: 'deleted' })
    else {
      report.addKeys([failure])
      keepAll(item, { outcome: 'failed', detail: failure.message }, context)
    }
  }
}

type Ending = Pick<ItemReport, 'outcome' | 'detail' | 'lockedUntil' | 'legalHold'>

function keepAll(item: RetentionItem, ending: Ending, { report, stuck }: DeleteContext): void {
  report.add(item, ending)
  for (const id of item.requires ?? []) stuck.set(id, item.id)
}

function endingOfLock({ until, legalHold }: ObjectLock): Ending {
  const reasons = [
    ...(until === undefined ? [] : [`locked until ${until}`]),
    ...(legalHold ? ['under legal hold'] : []),
  ]
  return {
    outcome: 'locked',
    detail: reasons.join(', '),
    legalHold,
    ...(until === undefined ? {} : { lockedUntil: until }),
  }
}

/** An empty store is a changed world here, not a wrong prefix: the plan saw something there. */
async function look(
  scan: ApplyOptions['scan'],
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<readonly RetentionItem[]> {
  try {
    const { items } = await scan()
    return items
  } catch (error) {
    if (isRetentionError(error) && error.code === 'RETENTION_NOTHING_FOUND') return []
    throw toRetentionError(error, `looking again at ${store.url}`, signal)
  }
}

interface Report {
  add(item: RetentionItem, ending: Ending): void
  spare(spared: Spared): void
  addKeys(results: readonly KeyResult[]): void
  deleted(): Amount
  result(): ApplyResult
}

function createReport(): Report {
  const items: ItemReport[] = []
  const keys: KeyResult[] = []
  let deleted = { items: 0, bytes: 0 }
  let failures = 0
  return {
    add: ({ id, group, bytes }, ending) => {
      items.push({ id, group, bytes, ...ending })
      if (ending.outcome === 'deleted') deleted = { items: deleted.items + 1, bytes: deleted.bytes + bytes }
      if (ending.outcome === 'failed') failures += 1
    },
    spare: ({ item: { id, group, bytes }, outcome, detail }) =>
      void items.push({ id, group, bytes, outcome, detail }),
    addKeys: (results) => {
      for (const result of results) keys.push(result)
    },
    deleted: () => deleted,
    result: () => ({ items, keys, deleted, failures }),
  }
}
