import type { PoolerSample, PoolStatus } from './status.ts'

/** A sample a minute: six hours in less than 50 kB, however many pools there are. */
const MAX_SAMPLES = 360

export interface PoolerHistory {
  /** What was seen at this moment (ms since 1970). Of each minute the worst stays, so that no peak is lost. */
  add(pools: readonly PoolStatus[], now: number): void
  /** The oldest first. */
  samples(): PoolerSample[]
}

/** The last six hours of a pooler, in memory. */
export function createPoolerHistory(): PoolerHistory {
  const samples: PoolerSample[] = []
  return {
    add(pools, now) {
      const at = new Date(Math.floor(now / 60_000) * 60_000).toISOString()
      const before = samples.at(-1)?.at === at ? samples.pop() : undefined
      samples.push({
        at,
        saturation: Math.max(before?.saturation ?? 0, ...pools.map(saturationOf)),
        clientsWaiting: Math.max(before?.clientsWaiting ?? 0, sum(pools.map((pool) => pool.clientsWaiting))),
      })
      if (samples.length > MAX_SAMPLES) samples.shift()
    },
    samples: () => [...samples],
  }
}

/** Server connections in use as a part of the pool's size: 1 is full. */
export function saturationOf({ serversActive, size }: PoolStatus): number {
  return size === 0 ? 0 : serversActive / size
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
