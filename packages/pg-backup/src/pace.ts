import { BackupError } from './backup-error.ts'
import type { RateLimit } from './rate-limit.ts'

/** How fast the bytes of a dump may come, and how slowly. */
export interface Pace {
  /** `blocks`, no faster than the rate limit; rejects with `BACKUP_DUMP_STALLED` when nothing comes any more. */
  of(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined>
  /** To be called when bytes have come, also those of a block that is not full yet. */
  sawBytes(): void
}

export interface PaceOptions {
  readonly rateLimit?: RateLimit
  /** @default 900000 */
  readonly stallTimeoutMs?: number
  readonly signal?: AbortSignal
}

const DEFAULT_STALL_TIMEOUT_MS = 900_000

export function createPace({ rateLimit, stallTimeoutMs, signal }: PaceOptions): Pace {
  const limitMs = stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS
  let refresh = (): void => undefined

  /** Only waiting for the source counts as its silence, never a slow reader or the rate limit. */
  async function orStalled<T>(next: Promise<T>): Promise<T> {
    const { promise: stalled, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new BackupError('BACKUP_DUMP_STALLED', `pg_dump sent nothing for ${limitMs / 1000} s`)),
      limitMs,
    )
    refresh = () => void timer.refresh()
    try {
      return await Promise.race([next, stalled])
    } finally {
      clearTimeout(timer)
      refresh = () => undefined
    }
  }

  return {
    sawBytes: () => refresh(),
    async *of(blocks) {
      const source = blocks[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await orStalled(source.next())
          if (next.done === true) return
          await rateLimit?.take(next.value.length, signal)
          yield next.value
        }
      } finally {
        // Not awaited: a source that is silent does not end by being asked.
        source.return?.().catch(() => undefined)
      }
    },
  }
}
