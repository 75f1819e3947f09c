// How fast rows are counted and digested: the archive reader of @ops/pg-backup against plain JavaScript.
// In CPU time of the process, so that other work on the machine matters less.
import { createArchiveReader } from '@ops/pg-backup/archive'
import { archiveOfRows } from './digest/archive-of-rows.ts'
import { readRowsPlainly } from './digest/plain-row-reader.ts'
import { compare, type BenchCase } from './harness/compare.ts'

export const name = 'digest'

const CHUNK_BYTES = 65_536
const PASSES = 8

/** Row lengths, and how many rows go into a data block: one up to PostgreSQL 18, many in what buffers more. */
const SHAPES = [
  { case: 'rows of 150 bytes, a block each', rowBytes: 150, rowsPerBlock: 1, target: 2 },
  { case: 'rows of 150 bytes, many to a block', rowBytes: 150, rowsPerBlock: 27, target: 2 },
  { case: 'rows of 10 kB', rowBytes: 10_000, rowsPerBlock: 1, target: 2 },
  { case: 'rows of 1 byte', rowBytes: 1, rowsPerBlock: 1, target: 1 },
]

export async function* cases(): AsyncGenerator<BenchCase, void, undefined> {
  for (const { case: title, target, ...shape } of SHAPES) {
    const { archive, blocks } = archiveOfRows(shape)
    yield await compare({
      case: title,
      unit: 'MB per CPU second',
      peerName: 'plain JavaScript',
      higherIsBetter: true,
      target,
      ours: () => throughput(blocks.length, () => readInChunks(archive)),
      peer: () => throughput(blocks.length, () => readRowsPlainly(blocks)),
    })
  }
}

function readInChunks(archive: Buffer): void {
  const reader = createArchiveReader()
  for (let at = 0; at < archive.length; at += CHUNK_BYTES)
    reader.write(archive.subarray(at, at + CHUNK_BYTES))
  reader.end()
}

function throughput(bytes: number, work: () => unknown): number {
  const before = process.cpuUsage()
  for (let pass = 0; pass < PASSES; pass++) work()
  const { user, system } = process.cpuUsage(before)
  return (PASSES * bytes) / (user + system)
}
