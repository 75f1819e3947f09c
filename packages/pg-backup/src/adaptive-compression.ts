import type { ZstdCompress } from 'node:zlib'

export interface AdaptiveOptions {
  /** The level to begin with. */
  readonly level: number
  readonly zstdAt: (level: number) => ZstdCompress
  /** Long enough to measure, short enough to follow a store that slows down. @default 16 MiB */
  readonly frameBytes?: number
  /** Milliseconds that only go up. @default performance.now */
  readonly now?: () => number
}

/** What a frame's time went into, in milliseconds. */
export interface FrameTimes {
  readonly total: number
  /** Waiting for the source to give bytes. */
  readonly source: number
  /** Waiting for the reader to take bytes. */
  readonly reader: number
}

const FRAME_BYTES = 16 * 1024 * 1024

/** Beyond level 12, zstd takes several times the time for a few percent. */
const HIGHEST_LEVEL = 12

/**
 * Compresses into a zstd frame for every 16 MiB, each at a level of its own; frames one after the other
 * are zstd data like any other.
 */
export async function* adaptiveFrames(
  source: AsyncIterable<Buffer>,
  { level, zstdAt, frameBytes = FRAME_BYTES, now = () => performance.now() }: AdaptiveOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const pieces = source[Symbol.asyncIterator]()
  let isOver = false
  try {
    while (!isOver) {
      const began = now()
      const times = { source: 0, reader: 0 }
      const zstd = zstdAt(level)
      const fed = feedFrame(zstd).catch((error: unknown) => void zstd.destroy(error as Error))
      for await (const chunk of zstd) {
        const given = now()
        yield chunk as Buffer
        times.reader += now() - given
      }
      await fed
      level = nextLevel(level, { ...times, total: now() - began })

      async function feedFrame(compressor: ZstdCompress): Promise<void> {
        for (let taken = 0; taken < frameBytes;) {
          const asked = now()
          const next = await pieces.next()
          times.source += now() - asked
          if (next.done === true) {
            isOver = true
            break
          }
          await new Promise<void>((resolve, reject) => {
            compressor.write(next.value, (error) => (error ? reject(error) : resolve()))
          })
          taken += next.value.length
        }
        compressor.end()
      }
    }
  } finally {
    await pieces.return?.()
  }
}

/**
 * One level up where the reader, that is the store, took more than a third of the time: smaller is
 * faster then. One down where neither it nor the dump was waited for, so that compression was: faster
 * is faster then. Where the dump is what everything waits for, the level is right.
 */
export function nextLevel(level: number, { total, source, reader }: FrameTimes): number {
  if (reader > total / 3) return Math.max(level, Math.min(level + 1, HIGHEST_LEVEL))
  if (source < total / 3) return Math.max(1, level - 1)
  return level
}
