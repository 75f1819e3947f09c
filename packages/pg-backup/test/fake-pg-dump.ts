/**
 * Stands in for `pg_dump` where a database of that size would take too long to fill: writes a valid
 * archive with one table, whose rows are the number of bytes in OPS_FAKE_DUMP_BYTES, as fast as it is read.
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { chain, tableData, writeArchive } from './synthetic-archive.ts'

const CHUNK_BYTES = 4 * 2 ** 20
const END_OF_ROWS = chain(['\\.\n\n\n'])

/** Rows as they lie in an archive, each a block; about half of each compresses away. */
function someRows(): Buffer {
  const blocks: Buffer[] = []
  for (let bytes = 0, id = 0; bytes < CHUNK_BYTES; id++) {
    const noise = createHash('sha512').update(String(id)).digest('base64')
    const block = chain([
      `${id}\tcustomer ${id} ordered ${id % 7} of article ${id % 100}, paid and delivered ${noise}\n`,
    ]).subarray(0, -5)
    blocks.push(block)
    bytes += block.length
  }
  return Buffer.concat(blocks)
}

function* archive(rowBytes: number): Generator<Buffer> {
  const empty = writeArchive({ entries: [tableData('orders', [])] })
  yield empty.subarray(0, -END_OF_ROWS.length)
  const rows = someRows()
  for (let bytes = 0; bytes < rowBytes; bytes += rows.length) yield rows
  yield END_OF_ROWS
}

if (process.argv.includes('--version'))
  process.stdout.write(`pg_dump (PostgreSQL) ${process.env['OPS_FAKE_DUMP_VERSION']}\n`)
else await pipeline(archive(Number(process.env['OPS_FAKE_DUMP_BYTES'])), process.stdout)
