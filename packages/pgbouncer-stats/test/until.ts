import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

/** Below every project's time limit, so that what was waited for is told, not only that it took too long. */
const WITHIN_MS = 45_000

/** Reads again and again until it is as wanted; when the time is over, says what was wanted and what was seen last. */
export async function until<T>(
  what: string,
  read: () => Promise<T>,
  isWanted: (value: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + WITHIN_MS
  for (;;) {
    const value = await read()
    if (isWanted(value)) return value
    if (performance.now() > deadline) {
      const seen = inspect(value, { depth: 6, breakLength: 120 }).slice(0, 8000)
      throw new Error(`waited ${WITHIN_MS} ms for ${what}; seen last: ${seen}`)
    }
    await sleep(20)
  }
}
