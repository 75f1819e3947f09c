import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimit, type Clock } from './rate-limit.ts'

/** Time that passes only by sleeping. */
function simulatedClock(): Clock & { advance(milliseconds: number): void } {
  let time = 0
  return {
    now: () => time,
    sleep: async (milliseconds) => void (time += milliseconds),
    advance: (milliseconds) => void (time += milliseconds),
  }
}

describe('a rate limit', () => {
  it('lets the rate through, whatever the size of the chunks', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1000, max: 50_000_000 }), async (chunks, bytesPerSecond) => {
        const clock = simulatedClock()
        const limit = createRateLimit(bytesPerSecond, clock)
        let bytes = 0
        for (const chunk of chunks) {
          await limit.take(chunk)
          // What has passed before this chunk fits the time that has passed, but for one burst.
          expect(bytes).toBeLessThanOrEqual((bytesPerSecond * (clock.now() + 100)) / 1000 + 1)
          bytes += chunk
        }
        // And it is not slower than asked for.
        expect(clock.now()).toBeLessThanOrEqual((bytes / bytesPerSecond) * 1000)
      }),
    )
  })

  it('is shared by all who take from it', async () => {
    const waits: number[] = []
    const limit = createRateLimit(1000, { now: () => 0, sleep: async (wait) => void waits.push(wait) })
    await Promise.all([limit.take(1100), limit.take(500), limit.take(1)])
    expect(waits).toEqual([1000, 1500])
  })

  it('saves up no more than a burst in a pause', async () => {
    const clock = simulatedClock()
    const limit = createRateLimit(1000, clock)
    await limit.take(100)
    clock.advance(3_600_000)
    await limit.take(100)
    await limit.take(1000)
    expect(clock.now()).toBe(3_600_000)
    await limit.take(1)
    expect(clock.now()).toBe(3_601_000)
  })

  it('ends a wait with the reason of an abort', async () => {
    const limit = createRateLimit(1)
    await limit.take(1_000_000)
    const reason = new Error('enough')
    const controller = new AbortController()
    const waiting = limit.take(1, controller.signal)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })
})
