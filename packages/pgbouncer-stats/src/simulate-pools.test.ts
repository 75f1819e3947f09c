import { describe, expect, it } from 'vitest'
import { simulatePools } from './simulate-pools.ts'

/** Quantiles of an exponential distribution, as samples. */
const exponential = (mean: number): number[] =>
  Array.from({ length: 1000 }, (_, index) => -Math.log(1 - (index + 0.5) / 1000) * mean)

describe('simulatePools', () => {
  // M/M/1: mean wait = ρ ÷ (1 − ρ) × service time.
  it('agrees with queueing theory for one server', () => {
    const { meanWaitMs, utilization } = simulatePools({
      poolSize: 1,
      serviceTimesMs: exponential(10),
      load: { kind: 'arrivals', perSecond: 70 },
      transactions: 200_000,
    })
    expect(utilization).toBeCloseTo(0.7, 1)
    expect(meanWaitMs / ((0.7 / 0.3) * 10)).toBeGreaterThan(0.9)
    expect(meanWaitMs / ((0.7 / 0.3) * 10)).toBeLessThan(1.1)
  })

  // M/M/c, c = 4, offered load 3.2: Erlang C gives a probability of waiting of 0.596.
  it('agrees with Erlang C for four servers', () => {
    const { waitedShare, meanWaitMs } = simulatePools({
      poolSize: 4,
      serviceTimesMs: exponential(10),
      load: { kind: 'arrivals', perSecond: 320 },
      transactions: 200_000,
    })
    expect(Math.abs(waitedShare - 0.596)).toBeLessThan(0.04)
    expect(Math.abs(meanWaitMs / ((0.596 * 10) / 0.8) - 1)).toBeLessThan(0.12)
  })

  it('lets nobody wait where every client has a server connection', () => {
    const load = { kind: 'clients', clients: 5, thinkTimesMs: [1] } as const
    expect(simulatePools({ poolSize: 5, serviceTimesMs: [3, 50], load })).toMatchObject({
      waitedShare: 0,
      maxWaitMs: 0,
    })
  })

  it('keeps the server busy all the time where clients do nothing else', () => {
    const load = { kind: 'clients', clients: 10, thinkTimesMs: [0] } as const
    const { utilization, meanWaitMs, transactionsPerSecond } = simulatePools({
      poolSize: 2,
      serviceTimesMs: [10],
      load,
    })
    expect(utilization).toBeCloseTo(1, 2)
    expect(transactionsPerSecond).toBeCloseTo(200, -1)
    expect(meanWaitMs).toBeCloseTo(40, 0)
  })

  it('waits less in a larger pool', () => {
    const load = { kind: 'clients', clients: 40, thinkTimesMs: exponential(20) } as const
    const waits = [2, 4, 8, 16].map(
      (poolSize) => simulatePools({ poolSize, serviceTimesMs: exponential(5), load }).meanWaitMs,
    )
    expect(waits).toEqual(waits.toSorted((a, b) => b - a))
  })

  it('gives the same for the same seed', () => {
    const input = {
      poolSize: 2,
      serviceTimesMs: exponential(5),
      load: { kind: 'arrivals', perSecond: 200 },
    } as const
    expect(simulatePools({ ...input, seed: 7 })).toEqual(simulatePools({ ...input, seed: 7 }))
  })

  it('refuses what makes no sense', () => {
    for (const wrong of [
      { poolSize: 0 },
      { serviceTimesMs: [] },
      { serviceTimesMs: [Number.NaN, 1] },
      { load: { kind: 'arrivals', perSecond: 0 } as const },
    ]) {
      const input = {
        poolSize: 1,
        serviceTimesMs: [1],
        load: { kind: 'arrivals', perSecond: 1 } as const,
        ...wrong,
      }
      expect(() => simulatePools(input)).toThrow(
        expect.objectContaining({ code: 'PGBOUNCER_BAD_OPTIONS' }) as Error,
      )
    }
  })
})
