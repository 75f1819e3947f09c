import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { alternate, judge, type BenchCase } from './harness/compare.ts'

export const name = 'retention'

/** What planning a million objects may take, on two cores. */
const LIMIT_SECONDS = 3
const LIMIT_MIB = 600

interface Measured {
  readonly seconds: number
  readonly peakBytes: number
  readonly kept: number
}

/** Plans 1,000,000 objects in 1,000 groups; the peer is the loop that one would write by hand. */
export async function* cases(): AsyncGenerator<BenchCase> {
  const pairs = await alternate({
    case: 'plan 1,000,000 objects in 1,000 groups',
    ours: async () => await measure('ours'),
    peer: async () => await measure('peer'),
  })
  const different = pairs.find(({ ours, peer }) => ours.kept !== peer.kept)
  if (different !== undefined) {
    throw new Error(
      `ours keeps ${different.ours.kept} and the peer ${different.peer.kept}: they do not do the same`,
    )
  }
  yield judge({
    pairs,
    case: 'plan 1,000,000 objects in 1,000 groups',
    unit: 's',
    peerName: 'sort and bucket by hand, without reasons, guards and gaps',
    target: 0.33,
    ours: ({ seconds }) => seconds,
    peer: ({ seconds }) => seconds,
  })
  yield judge({
    pairs,
    case: 'the same, against its limit',
    unit: 's',
    peerName: `limit of ${LIMIT_SECONDS} s`,
    target: 1,
    ours: ({ seconds }) => seconds,
    peer: () => LIMIT_SECONDS,
  })
  yield judge({
    pairs,
    case: 'peak memory of the process, objects included',
    unit: 'MiB',
    peerName: `limit of ${LIMIT_MIB} MiB`,
    target: 1,
    ours: ({ peakBytes }) => peakBytes / 1024 ** 2,
    peer: () => LIMIT_MIB,
  })
}

async function measure(what: 'ours' | 'peer'): Promise<Measured> {
  const program = join(import.meta.dirname, 'retention', 'measure.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, what])
  const measured: Measured = JSON.parse(stdout)
  return measured
}
