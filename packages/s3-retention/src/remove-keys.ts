import type { ObjectStore } from '@ops/object-store'
import pRetry from 'p-retry'

/** What forbids to delete an object. */
export interface ObjectLock {
  /** ISO 8601. */
  readonly until?: string
  readonly legalHold: boolean
}

/** What became of one key. */
export type KeyResult =
  | { readonly key: string; readonly outcome: 'deleted' }
  | { readonly key: string; readonly outcome: 'failed'; readonly code: string; readonly message: string }

/** How keys are removed for good; a plain store's `delete`, or what a versioned bucket needs. */
export interface Remover {
  /** Locks on any of these keys; absent where there are no locks. */
  readonly findLocks?: (
    keys: readonly string[],
    signal: AbortSignal | undefined,
  ) => Promise<ReadonlyMap<string, ObjectLock>>
  /** One result for each key. At most 1,000 keys at a time. */
  readonly remove: (keys: readonly string[], signal: AbortSignal | undefined) => Promise<readonly KeyResult[]>
}

export interface RemoveKeysOptions {
  readonly remover: Remover
  /** Batches under way at a time. */
  readonly concurrency: number
  readonly maxAttempts: number
  readonly retryDelayMs: number
  readonly signal?: AbortSignal
}

const BATCH_SIZE = 1000
/** Failures that another attempt may mend; a missing permission is none. */
const TRANSIENT: ReadonlySet<string> = new Set(['STORE_FAILED', 'STORE_STALLED', 'STORE_UNREACHABLE'])

/**
 * Removes keys by the store's own `delete`, and knows of no locks.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { storeRemover } from '@ops/s3-retention'
 *
 * const remover = storeRemover(fileStore({ folder: '/backups' }))
 * const results = await remover.remove(['main/old/dump', 'main/old/manifest.json'], undefined)
 * console.log(results)
 * ```
 */
export function storeRemover(store: ObjectStore): Remover {
  return {
    remove: async (keys, signal) => {
      const results = await store.delete(keys, { signal })
      return results.map((result): KeyResult =>
        result.deleted
          ? { key: result.key, outcome: 'deleted' }
          : { key: result.key, outcome: 'failed', code: result.code, message: result.message },
      )
    },
  }
}

/** Removes keys in batches of 1,000, a few batches at a time, and tries again those that failed for the moment. */
export async function removeKeys(
  keys: readonly string[],
  options: RemoveKeysOptions,
): Promise<Map<string, KeyResult>> {
  const results = new Map<string, KeyResult>()
  const batches = Array.from({ length: Math.ceil(keys.length / BATCH_SIZE) }, (_, index) =>
    keys.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
  )
  const work = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      await removeBatch(batch, results, options)
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.concurrency, batches.length) }, work))
  return results
}

class NotYet extends Error {}

async function removeBatch(
  batch: readonly string[],
  results: Map<string, KeyResult>,
  { remover, maxAttempts, retryDelayMs, signal }: RemoveKeysOptions,
): Promise<void> {
  let pending = batch
  const attempt = async (): Promise<void> => {
    signal?.throwIfAborted()
    for (const result of await remover.remove(pending, signal)) results.set(result.key, result)
    pending = pending.filter((key) => {
      const result = results.get(key)
      return result === undefined || (result.outcome === 'failed' && TRANSIENT.has(result.code))
    })
    if (pending.length > 0) throw new NotYet()
  }
  try {
    await pRetry(attempt, {
      retries: maxAttempts - 1,
      minTimeout: retryDelayMs,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof NotYet && signal?.aborted !== true,
      signal,
    })
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof NotYet)) throw error
  }
  for (const key of pending) {
    if (!results.has(key))
      results.set(key, {
        key,
        outcome: 'failed',
        code: 'STORE_FAILED',
        message: `the store gave no answer for ${JSON.stringify(key)}`,
      })
  }
}
