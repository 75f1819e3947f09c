import { BackupError } from './backup-error.ts'
import type { RateLimit } from './rate-limit.ts'

export interface Pace {
  readonly rateLimit?: RateLimit
  /** Silence of the source longer than this ends it. */
  readonly stallTimeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * `source`, no faster than the rate limit; silence of the source rejects with `BACKUP_DUMP_STALLED`.
 * Only waiting for the source counts as its silence, never a slow reader or the rate limit.
 */
export async function* pacedBytes(
  source: AsyncIterable<Buffer>,
  { rateLimit, stallTimeoutMs, signal }: Pace,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await orStalled(chunks.next(), stallTimeoutMs)
      if (next.done === true) return
      await rateLimit?.take(next.value.length, signal)
      yield next.value
    }
  } finally {
    // Not awaited: a source that is silent does not end by being asked.
    void chunks.return?.().catch(() => undefined)
  }
}

async function orStalled<T>(next: Promise<T>, stallTimeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () =>
      reject(
        new BackupError('BACKUP_DUMP_STALLED', `pg_dump sent nothing for ${stallTimeoutMs / 1000} s`),
      ),
    stallTimeoutMs,
  )
  next.catch(() => undefined)
  return Promise.race([next, promise]).finally(() => clearTimeout(timer))
}
