import { setTimeout as sleep } from 'node:timers/promises'

/** Lets so many bytes per second through, in the long run and in every second. */
export interface RateLimit {
  /** Resolves when `bytes` may go on. Rejects with `signal.reason`. */
  take(bytes: number, signal?: AbortSignal): Promise<void>
}

export interface Clock {
  /** Milliseconds that only grow. */
  now(): number
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    await sleep(milliseconds, undefined, { signal }).catch(() => signal?.throwIfAborted())
  },
}

/** What may come at once after a pause: as much as in this time. */
const BURST_MS = 100

/**
 * A token bucket whose level may go below zero: a chunk passes as soon as the level is above it, and
 * what it takes too much, the next one waits for. So chunks of any size keep to the rate, and several
 * takers at a time share it.
 */
export function createRateLimit(bytesPerSecond: number, clock: Clock = realClock): RateLimit {
  const perMs = bytesPerSecond / 1000
  const most = perMs * BURST_MS
  let level = most
  let filledAt = clock.now()
  return {
    async take(bytes, signal) {
      const now = clock.now()
      level = Math.min(most, level + (now - filledAt) * perMs)
      filledAt = now
      const waitMs = level > 0 ? 0 : -level / perMs
      level -= bytes
      if (waitMs > 0) await clock.sleep(waitMs, signal)
    },
  }
}
