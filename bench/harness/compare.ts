import { progress } from './progress.ts'

/** One line of a benchmark's result. */
export interface BenchCase {
  readonly case: string
  /** Median of what was measured of ours, in `unit`. */
  readonly ours: number
  /** Median of what was measured of the peer, in `unit`. */
  readonly peer: number
  readonly peerName: string
  readonly unit: string
  /** Median of the paired ratios; above 1 means that ours is better, by that factor. */
  readonly ratio: number
  /** The least ratio that is good enough. */
  readonly target: number
  readonly ok: boolean
}

/** What `bench/NAME.ts` exports as `cases`: a generator, so that servers live across cases (`await using`). */
export type BenchCases = () => AsyncIterable<BenchCase>

export interface Described {
  readonly case: string
  readonly unit: string
  readonly peerName: string
  readonly target: number
  /** Whether a larger measurement is the better one (throughput) or the worse one (seconds, bytes). @default false */
  readonly higherIsBetter?: boolean
}

export interface Contest<Ours, Peer> {
  /** Shown while it runs. */
  readonly case: string
  /** Number of pairs, 5 or more. @default 5 */
  readonly runs?: number
  /** Pairs that are run before and not counted. @default 1 */
  readonly warmups?: number
  readonly ours: () => Promise<Ours> | Ours
  readonly peer: () => Promise<Peer> | Peer
}

export interface Pair<Ours, Peer> {
  readonly ours: Ours
  readonly peer: Peer
}

/** Measures ours and the peer in turns and compares: `ours` and `peer` run once and return what they measured, in `unit`. */
export async function compare(options: Described & Contest<number, number>): Promise<BenchCase> {
  const pairs = await alternate(options)
  return judge({ ...options, pairs, ours: (value) => value, peer: (value) => value })
}

/** Runs ours and the peer in turns. */
export async function alternate<Ours, Peer>(options: Contest<Ours, Peer>): Promise<Pair<Ours, Peer>[]> {
  const { ours, peer, ...rest } = options
  return await takeTurns<{ ours: Ours; peer: Peer }>({ ...rest, contestants: { ours, peer } })
}

export interface Turns<Measured> {
  /** Shown while it runs. */
  readonly case: string
  /** Number of rounds, 5 or more. @default 5 */
  readonly runs?: number
  /** Rounds that are run before and not counted. @default 1 */
  readonly warmups?: number
  readonly contestants: {
    readonly [Name in keyof Measured]: () => Promise<Measured[Name]> | Measured[Name]
  }
}

/**
 * Runs each contestant once a round, and who goes first takes turns too, so that a machine that
 * slows down or warms up meanwhile does so for all.
 */
export async function takeTurns<Measured>(options: Turns<Measured>): Promise<Measured[]> {
  const { runs = 5, warmups = 1, contestants } = options
  if (runs < 5) throw new RangeError('runs must be 5 or more: a median of fewer says little')
  const names = Object.keys(contestants) as (keyof Measured)[]
  const rounds: Measured[] = []
  for (let round = -warmups; round < runs; round += 1) {
    progress(`${options.case}: ${round < 0 ? 'warming up' : `run ${round + 1} of ${runs}`}`)
    const measured: Partial<Measured> = {}
    const first = (round + warmups) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)])
      measured[name] = await contestants[name]()
    if (round >= 0) rounds.push(measured as Measured)
  }
  return rounds
}

/** Makes a case of one of the things that were measured in the pairs of one contest. */
export function judge<Ours, Peer>(
  options: Described & {
    readonly pairs: readonly Pair<Ours, Peer>[]
    readonly ours: (measured: Ours) => number
    readonly peer: (measured: Peer) => number
  },
): BenchCase {
  const measured = options.pairs.map((pair) => ({
    ours: options.ours(pair.ours),
    peer: options.peer(pair.peer),
  }))
  const ratio = median(
    measured.map(({ ours, peer }) => (options.higherIsBetter === true ? ours / peer : peer / ours)),
  )
  return {
    case: options.case,
    ours: median(measured.map(({ ours }) => ours)),
    peer: median(measured.map(({ peer }) => peer)),
    peerName: options.peerName,
    unit: options.unit,
    ratio,
    target: options.target,
    ok: ratio >= options.target,
  }
}

/** How long `work` takes, in seconds. */
export async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
