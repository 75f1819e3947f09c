import { assert, integer, option, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxPartSizeBytes, minPartSizeBytes, planParts } from './part-plan.ts'
import type { PartPlanFacts } from './part-plan.ts'

const MiB = 1024 * 1024

describe('planParts', () => {
  const facts = record({
    sizeHintBytes: option(integer({ min: 0, max: 50 * 1024 ** 4 }), { nil: undefined }),
    maxParts: integer({ min: 1, max: 10_000 }),
    partSizeBytes: option(integer({ min: minPartSizeBytes, max: 64 * MiB }), { nil: undefined }),
    concurrency: option(integer({ min: 1, max: 16 }), { nil: undefined }),
  })

  const fits = ({ sizeHintBytes = 0, maxParts }: PartPlanFacts): boolean =>
    Math.ceil((sizeHintBytes * 1.25) / maxParts / MiB) * MiB <= maxPartSizeBytes

  it('never needs more parts than the store takes, nor parts of a size that it refuses', () => {
    assert(
      property(facts.filter(fits), (facts) => {
        const { partSizeBytes, concurrency } = planParts(facts)
        expect(Number.isSafeInteger(partSizeBytes)).toBe(true)
        expect(partSizeBytes).toBeGreaterThanOrEqual(minPartSizeBytes)
        expect(partSizeBytes).toBeLessThanOrEqual(maxPartSizeBytes)
        expect(partSizeBytes * facts.maxParts).toBeGreaterThanOrEqual((facts.sizeHintBytes ?? 0) * 1.25)
        expect(concurrency).toBeGreaterThanOrEqual(1)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses at once what no parts can hold', () => {
    const tooLarge = facts.filter((facts) => !fits(facts))
    assert(
      property(tooLarge, (facts) => {
        expect(() => planParts(facts)).toThrow(expect.objectContaining({ code: 'STORE_TOO_LARGE' }))
      }),
    )
  })

  it('keeps the buffers within 96 MiB as long as parts of that size allow it', () => {
    assert(
      property(integer({ min: 0, max: 400e9 }), (sizeHintBytes) => {
        const { partSizeBytes, concurrency } = planParts({ sizeHintBytes, maxParts: 10_000 })
        expect((concurrency + 1) * partSizeBytes).toBeLessThanOrEqual(96 * MiB)
      }),
    )
  })

  it.each([
    [50 * 1000 ** 2, 10_000, 8, 3],
    [5 * 1000 ** 3, 10_000, 8, 3],
    [5 * 1000 ** 3, 1000, 8, 3],
    [1000 ** 4, 10_000, 120, 1],
    [undefined, 10_000, 16, 3],
  ])(
    'plans %s bytes in %i parts as parts of %i MiB, %i at a time',
    (sizeHintBytes, maxParts, size, concurrency) => {
      expect(planParts({ sizeHintBytes, maxParts })).toEqual({ partSizeBytes: size * MiB, concurrency })
    },
  )
})
