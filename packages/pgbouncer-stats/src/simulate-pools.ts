import { PgBouncerStatsError } from './error.ts'

/** The pool and the load that {@link simulatePools} plays through. */
export interface SimulatePoolsInput {
  /** Server connections of the pool. */
  readonly poolSize: number
  /** Measured times that a transaction holds its server connection; drawn from at random. Never empty. */
  readonly serviceTimesMs: readonly number[]
  /**
   * Who sends transactions: a number of clients, each of which thinks between its transactions, or
   * arrivals at random (Poisson) from so many clients that waiting does not slow them down.
   */
  readonly load:
    | { readonly kind: 'clients'; readonly clients: number; readonly thinkTimesMs: readonly number[] }
    | { readonly kind: 'arrivals'; readonly perSecond: number }
  /** @default 20_000 */
  readonly transactions?: number
  /** The same seed gives the same result. @default 1 */
  readonly seed?: number
}

/** How long transactions wait in a simulation; times in milliseconds. */
export interface SimulatePoolsResult {
  /** Of all transactions, those that waited for a server connection. */
  readonly waitedShare: number
  readonly meanWaitMs: number
  readonly p50WaitMs: number
  readonly p95WaitMs: number
  readonly p99WaitMs: number
  readonly maxWaitMs: number
  /** How much of the time the server connections are in use; 1 or more in an arrival load means that the queue only grows. */
  readonly utilization: number
  readonly transactionsPerSecond: number
}

/**
 * Predicts how long transactions wait for a server connection of a pool: a simulation of a queue
 * that is served first come, first served, as PgBouncer's is. Pure.
 *
 * @example
 * ```ts
 * import { simulatePools } from '@ops/pgbouncer-stats'
 *
 * const { p99WaitMs, utilization } = simulatePools({
 *   poolSize: 10,
 *   serviceTimesMs: [2, 3, 3, 5, 40],
 *   load: { kind: 'arrivals', perSecond: 500 },
 * })
 * console.log(p99WaitMs, utilization)
 * ```
 */
export function simulatePools(input: SimulatePoolsInput): SimulatePoolsResult {
  const { poolSize, serviceTimesMs, load, transactions = 20_000, seed = 1 } = input
  check(input)
  const random = seededRandom(seed)
  const freeAt: number[] = Array.from({ length: poolSize }, () => 0)
  const arrivals = createArrivals(load, random)
  // The start, when all is empty, is not like the rest.
  const warmUp = Math.min(Math.floor(transactions / 10), 2000)
  const waits: number[] = []
  let busyMs = 0
  let measuredFrom = 0
  let lastEnd = 0
  for (let index = 0; index < transactions + warmUp; index += 1) {
    const arrival = arrivals.next()
    const server = indexOfLeast(freeAt)
    const begin = Math.max(arrival.atMs, freeAt[server]!)
    const service = pick(serviceTimesMs, random)
    freeAt[server] = begin + service
    arrivals.done(arrival, begin + service)
    lastEnd = Math.max(lastEnd, begin + service)
    if (index < warmUp) {
      measuredFrom = arrival.atMs
      continue
    }
    waits.push(begin - arrival.atMs)
    busyMs += service
  }
  const elapsedMs = Math.max(lastEnd - measuredFrom, Number.EPSILON)
  return {
    ...waitStatistics(waits),
    utilization: busyMs / elapsedMs / poolSize,
    transactionsPerSecond: (waits.length / elapsedMs) * 1000,
  }
}

interface Arrival {
  readonly atMs: number
  readonly client: number
}

interface Arrivals {
  /** In the order of time. */
  next(): Arrival
  done(arrival: Arrival, atMs: number): void
}

function createArrivals(load: SimulatePoolsInput['load'], random: () => number): Arrivals {
  if (load.kind === 'arrivals') {
    let at = 0
    return {
      next: () => {
        at += (-Math.log(1 - random()) / load.perSecond) * 1000
        return { atMs: at, client: 0 }
      },
      done: () => undefined,
    }
  }
  const nextAt = Array.from({ length: load.clients }, () => pick(load.thinkTimesMs, random) * random())
  return {
    next: () => {
      const client = indexOfLeast(nextAt)
      return { atMs: nextAt[client]!, client }
    },
    done: ({ client }, atMs) => {
      nextAt[client] = atMs + pick(load.thinkTimesMs, random)
    },
  }
}

function waitStatistics(
  waits: readonly number[],
): Pick<
  SimulatePoolsResult,
  'waitedShare' | 'meanWaitMs' | 'p50WaitMs' | 'p95WaitMs' | 'p99WaitMs' | 'maxWaitMs'
> {
  const sorted = Float64Array.from(waits).toSorted()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return {
    waitedShare: waits.filter((wait) => wait > 0).length / waits.length,
    meanWaitMs: waits.reduce((sum, wait) => sum + wait, 0) / waits.length,
    p50WaitMs: at(0.5),
    p95WaitMs: at(0.95),
    p99WaitMs: at(0.99),
    maxWaitMs: at(1),
  }
}

function indexOfLeast(values: readonly number[]): number {
  let least = 0
  for (let index = 1; index < values.length; index += 1) if (values[index]! < values[least]!) least = index
  return least
}

function pick(values: readonly number[], random: () => number): number {
  return values[Math.floor(random() * values.length)]!
}

/** mulberry32: small, fast, and good enough for queues. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function check({ poolSize, serviceTimesMs, load, transactions = 20_000 }: SimulatePoolsInput): void {
  const times = load.kind === 'clients' ? [...serviceTimesMs, ...load.thinkTimesMs] : serviceTimesMs
  const problem = [
    [
      Number.isInteger(poolSize) && poolSize >= 1 && poolSize <= 100_000,
      'poolSize must be a whole number of 1 or more',
    ],
    [Number.isInteger(transactions) && transactions >= 1, 'transactions must be a whole number of 1 or more'],
    [serviceTimesMs.some((time) => time > 0), 'serviceTimesMs must have a time above 0'],
    [times.every((time) => time >= 0 && Number.isFinite(time)), 'times must be 0 or more'],
    [load.kind !== 'arrivals' || load.perSecond > 0, 'load.perSecond must be above 0'],
    [
      load.kind !== 'clients' ||
        (Number.isInteger(load.clients) && load.clients >= 1 && load.thinkTimesMs.length > 0),
      'load.clients must be 1 or more, and load.thinkTimesMs not empty',
    ],
  ].find(([isGood]) => isGood === false)
  if (problem !== undefined) throw new PgBouncerStatsError('PGBOUNCER_BAD_OPTIONS', String(problem[1]))
}
