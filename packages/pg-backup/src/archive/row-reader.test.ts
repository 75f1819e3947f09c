import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chain } from '../../test/synthetic-archive.ts'
import { createRowReader, type RowSums } from './row-reader.ts'

const END = '\\.\n\n\n'
const BIG = 2n ** 64n

describe('row reader', () => {
  it('adds up what an independent MurmurHash3_x64_128 gives for each row', () => {
    fc.assert(
      fc.property(fc.array(rowBytes()), (rows) => {
        expect(read(chain([...rows.map(line), END]))).toEqual(expected(rows))
      }),
      { numRuns: 300 },
    )
  })

  it('agrees with a published value of MurmurHash3_x64_128', () => {
    // "The quick brown fox jumps over the lazy dog" with seed 0.
    expect(murmur3(Buffer.from('The quick brown fox jumps over the lazy dog'), 0n)).toEqual([
      0xe34bbc7bbc071b6cn,
      0x7a433ca9c49a9347n,
    ])
  })

  it('does not care where blocks and chunks begin and end', () => {
    fc.assert(
      fc.property(fc.array(rowBytes()), cuts(), cuts(), (rows, blockCuts, chunkCuts) => {
        const data = Buffer.concat([...rows.map(line), Buffer.from(END)])
        expect(read(chain(cut(data, blockCuts)), chunkCuts)).toEqual(expected(rows))
      }),
      { numRuns: 300 },
    )
  })

  it.each([0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 1000, 65_530, 65_536, 80_000])(
    'reads rows of %i bytes',
    (length) => {
      const rows = Array.from({ length: 3 }, (_, index) => Buffer.alloc(length, `${index}row`))
      expect(read(chain([...rows.map(line), END]))).toEqual(expected(rows))
      expect(
        read(chain(cut(Buffer.concat([...rows.map(line), Buffer.from(END)]), [4096])), [1000, 7]),
      ).toEqual(expected(rows))
    },
  )

  it('tells a row that begins with a backslash and a dot from the end of the rows', () => {
    const rows = ['\\\\.', '\\.x', '\\', '.', '\\N'].map((row) => Buffer.from(row))
    expect(read(chain([...rows.map(line), END]))).toEqual(expected(rows))
  })

  it('starts each table anew', () => {
    const reader = createRowReader(true)
    const sums = [1, 2].map(() => {
      reader.start()
      reader.write(chain(['a\n', END]))
      return reader.sums()
    })
    expect(sums[1]).toEqual(sums[0])
  })

  it('leaves alone what follows the end of the chain', () => {
    const reader = createRowReader(true)
    reader.start()
    const bytes = chain(['a\n', END])
    expect(reader.write(Buffer.concat([bytes, Buffer.from('more')]))).toBe(bytes.length)
    expect(reader.stopped).toBe('end')
  })

  it.each([
    ['no end mark', ['a\n'], /no end mark/],
    ['nothing at all', [], /no end mark/],
    ['a last row without its newline', ['a\n', 'b'], /no end/],
    ['an end mark without its empty lines', ['a\n', '\\.\n'], /follows the end mark/],
    ['rows after the end mark', ['a\n', '\\.\n', 'b\n', '\n'], /follows the end mark/],
    ['more after the end', ['a\n', END, '\n'], /follows the end mark/],
  ])('sees %s', (_, blocks, problem) => {
    const reader = createRowReader(true)
    reader.start()
    reader.write(chain(blocks))
    expect(reader.endProblem()).toMatch(problem)
  })

  it.each([
    ['negative', Buffer.from([1, 1, 0, 0, 0])],
    ['larger than 31 bits', Buffer.from([0, 0, 0, 0, 0x80])],
  ])('refuses a block length that is %s', (_, header) => {
    const reader = createRowReader(true)
    reader.start()
    reader.write(Buffer.concat([chain(['a\n']).subarray(0, -5), header, Buffer.from('bytes')]))
    expect(reader.stopped).toBe('bad block')
  })
})

function read(bytes: Buffer, chunkCuts: readonly number[] = [bytes.length || 1]): RowSums {
  const reader = createRowReader(true)
  reader.start()
  for (const chunk of cut(bytes, chunkCuts)) expect(reader.write(chunk)).toBe(chunk.length)
  expect(reader.stopped).toBe('end')
  expect(reader.endProblem()).toBeUndefined()
  return reader.sums()
}

function rowBytes(): fc.Arbitrary<Buffer> {
  const byte = fc.integer({ min: 0, max: 255 }).filter((value) => value !== 10)
  return fc
    .array(byte, { maxLength: 60 })
    .map((bytes) => Buffer.from(bytes))
    .filter((bytes) => bytes.toString('latin1') !== '\\.')
}

function cuts(): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 })
}

/** Cuts bytes into pieces of the given lengths, in turn. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + lengths[turn % lengths.length]!
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

function line(row: Buffer): Buffer {
  return Buffer.concat([row, Buffer.from('\n')])
}

function expected(rows: readonly Buffer[]): RowSums {
  const hashes = rows.map((row) => murmur3(row, 0x6f707331n))
  return {
    rows: rows.length,
    bytes: rows.reduce((sum, row) => sum + row.length + 1, 0),
    sum1: hashes.reduce((sum, [h1]) => (sum + h1) % BIG, 0n),
    sum2: hashes.reduce((sum, [, h2]) => (sum + h2) % BIG, 0n),
  }
}

/** MurmurHash3_x64_128 as its definition reads, slow and plain. */
function murmur3(bytes: Buffer, seed: bigint): [bigint, bigint] {
  const [c1, c2] = [0x87c37b91114253d5n, 0x4cf5ad432745937fn]
  let [h1, h2] = [seed, seed]
  const padded = Buffer.concat([bytes, Buffer.alloc(16 - (bytes.length % 16))])
  for (let at = 0; at < padded.length; at += 16) {
    const isTail = at + 16 > bytes.length
    h1 ^= times(rotate(times(padded.readBigUInt64LE(at), c1), 31n), c2)
    if (!isTail) h1 = (times((rotate(h1, 27n) + h2) % BIG, 5n) + 0x52dce729n) % BIG
    h2 ^= times(rotate(times(padded.readBigUInt64LE(at + 8), c2), 33n), c1)
    if (!isTail) h2 = (times((rotate(h2, 31n) + h1) % BIG, 5n) + 0x38495ab5n) % BIG
  }
  h1 ^= BigInt(bytes.length)
  h2 ^= BigInt(bytes.length)
  h1 = (h1 + h2) % BIG
  h2 = (h2 + h1) % BIG
  h1 = avalanche(h1)
  h2 = avalanche(h2)
  h1 = (h1 + h2) % BIG
  h2 = (h2 + h1) % BIG
  return [h1, h2]
}

function avalanche(value: bigint): bigint {
  let h = value ^ (value >> 33n)
  h = times(h, 0xff51afd7ed558ccdn)
  h ^= h >> 33n
  h = times(h, 0xc4ceb9fe1a85ec53n)
  return h ^ (h >> 33n)
}

function times(left: bigint, right: bigint): bigint {
  return (left * right) % BIG
}

function rotate(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) % BIG
}
