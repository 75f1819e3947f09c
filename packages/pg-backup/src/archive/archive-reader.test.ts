import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  chain,
  int,
  tableData,
  writeArchive,
  type SyntheticArchive,
  type SyntheticEntry,
} from '../../test/synthetic-archive.ts'
import { ArchiveError, type ArchiveErrorCode } from './archive-error.ts'
import { createArchiveReader, type ArchiveContents } from './archive-reader.ts'
import { readArchive, tap } from './read-archive.ts'

const TABLE: SyntheticEntry = {
  type: 'TABLE',
  schema: 'public',
  name: 'a',
  definition: 'CREATE TABLE public.a (a integer, b text);\n',
  accessMethod: 'heap',
}
const LARGE_OBJECTS: SyntheticEntry = {
  type: 'BLOBS',
  name: 'BLOBS',
  largeObjects: [
    { oid: 16_400, blocks: ['hello ', 'world'] },
    { oid: 3_000_000_000, blocks: [Buffer.from([0, 10, 92, 46])] },
    { oid: 16_401, blocks: [] },
  ],
}
const ENTRIES: readonly SyntheticEntry[] = [
  { type: 'ENCODING', name: 'ENCODING', definition: "SET client_encoding = 'UTF8';\n" },
  TABLE,
  {
    type: 'SEQUENCE SET',
    schema: 'public',
    name: 's',
    definition: "SELECT pg_catalog.setval('public.s', -42, false);\n",
  },
  tableData('a', ['1\tone', '2\t\\N']),
  tableData('b', []),
  LARGE_OBJECTS,
]

describe('archive reader', () => {
  it.each([14, 15, 16].flatMap((minor) => [4, 8].map((offsetBytes) => ({ minor, offsetBytes }))))(
    'reads archives of version 1.$minor with offsets of $offsetBytes bytes',
    (layout) => {
      const contents = read(writeArchive({ ...layout, entries: ENTRIES }))
      expect(contents.header).toEqual({
        version: `1.${layout.minor}`,
        database: 'shop',
        serverVersion: '18.1',
        pgDumpVersion: '18.1',
        createdAt: '2026-11-21T07:18:06',
        offsetBytes: layout.offsetBytes,
      })
      expect(contents.tables).toEqual([
        {
          schema: 'public',
          name: 'a',
          columns: '(a, b)',
          rows: 2,
          bytes: 11,
          digest: expect.stringMatching(/^ops1:[0-9a-f]{32}$/),
        },
        {
          schema: 'public',
          name: 'b',
          columns: '(a, b)',
          rows: 0,
          bytes: 0,
          digest: expect.stringMatching(/^ops1:/),
        },
      ])
      expect(contents.largeObjects).toEqual({
        count: 3,
        bytes: 15,
        digest: expect.stringMatching(/^ops1:[0-9a-f]{64}$/),
      })
      expect(contents.sequences).toEqual([{ schema: 'public', name: 's', value: '-42,f' }])
      expect(contents.objects.map(({ type, name }) => [type, name])).toEqual([
        ['ENCODING', 'ENCODING'],
        ['TABLE', 'a'],
      ])
      expect(contents.entries).toHaveLength(ENTRIES.length)
    },
  )

  it('gives the same digests for every version', () => {
    const [first, ...others] = [14, 15, 16].map((minor) => read(writeArchive({ minor, entries: ENTRIES })))
    for (const other of others) {
      expect(other.tables).toEqual(first!.tables)
      expect(other.largeObjects).toEqual(first!.largeObjects)
      expect(other.objects).toEqual(first!.objects)
    }
  })

  it('gives the same contents however the bytes are cut', () => {
    const archive = writeArchive({ entries: ENTRIES })
    const whole = read(archive)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (lengths) => {
        const reader = createArchiveReader()
        // Each chunk is overwritten after it was taken: the reader must not have kept it.
        for (let at = 0, turn = 0; at < archive.length; turn++) {
          const chunk = Buffer.from(archive.subarray(at, at + lengths[turn % lengths.length]!))
          reader.write(chunk)
          at += chunk.length
          chunk.fill(0xff)
        }
        expect(reader.end()).toEqual(whole)
      }),
    )
  })

  it('says where it is', () => {
    const seen: string[] = []
    const reader = createArchiveReader({ onTable: ({ schema, name }) => seen.push(`${schema}.${name}`) })
    const archive = writeArchive({ entries: ENTRIES })
    expect(reader.progress).toEqual({ bytes: 0, rows: 0, tablesDone: 0 })
    const middle = archive.indexOf('2\t\\N\n') + 5
    reader.write(archive.subarray(0, middle))
    expect(reader.progress).toEqual({
      bytes: middle,
      rows: 2,
      table: { schema: 'public', name: 'a' },
      tablesDone: 0,
      tablesTotal: 2,
    })
    reader.write(archive.subarray(middle))
    expect(reader.progress).toEqual({ bytes: archive.length, rows: 2, tablesDone: 2, tablesTotal: 2 })
    expect(seen).toEqual(['public.a', 'public.b'])
  })

  it('follows the structure without reading rows when no digest is wanted', () => {
    const archive = writeArchive({ entries: ENTRIES })
    const contents = read(archive, { digest: false })
    expect(contents.tables).toEqual([])
    expect(contents.largeObjects).toEqual({ count: 3, bytes: 15, digest: '' })
    expect(contents.bytes).toBe(archive.length)
  })

  it('counts several data entries of one table as one', () => {
    const [whole] = read(writeArchive({ entries: [tableData('a', ['1\tx', '2\ty', '3\tz'])] })).tables
    const parts = [tableData('a', ['3\tz']), tableData('a', ['1\tx', '2\ty'])]
    expect(read(writeArchive({ entries: parts })).tables).toEqual([whole])
  })

  it('reads the several BLOBS entries of PostgreSQL 17 and newer as one', () => {
    const [first, ...others] = LARGE_OBJECTS.largeObjects!
    const metadata = { type: 'BLOB METADATA', name: 'BLOB 16400', definition: '16400\n' }
    const entries = [
      metadata,
      { ...LARGE_OBJECTS, largeObjects: others },
      { ...LARGE_OBJECTS, largeObjects: [first!] },
    ]
    expect(read(writeArchive({ entries })).largeObjects).toEqual(
      read(writeArchive({ entries: [LARGE_OBJECTS] })).largeObjects,
    )
  })

  it('keeps planner statistics out of the schema objects', () => {
    const entries = [
      {
        type: 'STATISTICS DATA',
        schema: 'public',
        name: 'a',
        definition: 'SELECT * FROM pg_restore_relation_stats()',
      },
    ]
    expect(read(writeArchive({ entries })).objects).toEqual([])
  })

  it('keeps names that are not UTF-8 apart', () => {
    const archive = writeArchive({ entries: [{ ...TABLE, name: 'caf?' }] })
    const names = [0xe8, 0xe9].map((byte) => {
      const bytes = Buffer.from(archive)
      bytes[bytes.indexOf('caf?') + 3] = byte
      return read(bytes).entries[0]!.name
    })
    expect(names).toEqual(['caf\\xE8', 'caf\\xE9'])
  })

  it('passes a stream through unchanged', async () => {
    const archive = writeArchive({ entries: ENTRIES })
    const reader = createArchiveReader()
    const chunks: Buffer[] = []
    for await (const chunk of tap([archive.subarray(0, 100), archive.subarray(100)], reader))
      chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(archive)).toBe(true)
    expect(reader.end()).toEqual(await readArchive([archive]))
  })
})

describe('a digest', () => {
  const rows = ['1\tone\tA', '2\ttwo\tB', '3\t\\N\tC', '3\t\\N\tC']
  const columns = '(id, word, letter)'
  const digest = (rows: readonly string[], list = columns): string =>
    read(writeArchive({ entries: [tableData('t', rows, list)] })).tables[0]!.digest

  it('does not depend on the order of the rows', () => {
    expect(digest(rows.toReversed())).toBe(digest(rows))
  })

  it('does not depend on how pg_dump cuts the rows into blocks', () => {
    const blocks = [rows.join('\n').slice(0, 10), `${rows.join('\n').slice(10)}\n\\.\n`, '\n\n']
    const [table] = read(writeArchive({ entries: [{ ...tableData('t', [], columns), blocks }] })).tables
    expect(table!.digest).toBe(digest(rows))
  })

  it.each([
    ['a lost row', rows.slice(1)],
    ['a row that came twice', [...rows, rows[0]!]],
    ['a pair of equal rows that is lost', rows.slice(0, 2)],
    ['a changed byte', ['1\tonf\tA', ...rows.slice(1)]],
    ['two values swapped between rows', ['1\ttwo\tA', '2\tone\tB', ...rows.slice(2)]],
    ['two columns swapped', rows.map((row) => row.split('\t').toReversed().join('\t'))],
    ['a NULL that became an empty string', [...rows.slice(0, 2), '3\t\tC', rows[3]!]],
    ['two rows that ran together', [`${rows[0]}${rows[1]}`, ...rows.slice(2)]],
  ])('notices %s', (_, changed) => {
    expect(digest(changed)).not.toBe(digest(rows))
  })

  it('notices other columns', () => {
    expect(digest(rows, '(id, letter, word)')).not.toBe(digest(rows))
  })

  it.each([
    ['a missing large object', LARGE_OBJECTS.largeObjects!.slice(1)],
    ['a missing empty large object', LARGE_OBJECTS.largeObjects!.slice(0, 2)],
    [
      'a large object under another number',
      [{ oid: 5, blocks: ['hello world'] }, ...LARGE_OBJECTS.largeObjects!.slice(1)],
    ],
  ])('notices %s', (_, largeObjects) => {
    const entries = [{ ...LARGE_OBJECTS, largeObjects }]
    const before = read(writeArchive({ entries: [LARGE_OBJECTS] })).largeObjects.digest
    expect(read(writeArchive({ entries })).largeObjects.digest).not.toBe(before)
  })

  it.each([
    ['another definition', { definition: 'CREATE TABLE public.a (a bigint, b text);\n' }],
    ['another access method', { accessMethod: 'columnar' }],
    ['another type', { type: 'VIEW' }],
  ])('of a schema object notices %s', (_, change) => {
    expect(objectDigest({ ...TABLE, ...change })).not.toBe(objectDigest(TABLE))
  })

  it('of a schema object does not depend on its owner', () => {
    expect(objectDigest({ ...TABLE, owner: 'someone else' })).toBe(objectDigest(TABLE))
  })
})

describe('an archive that cannot be read', () => {
  const archive = writeArchive({ entries: ENTRIES })
  const firstBlock = archive.indexOf(Buffer.concat([Buffer.from([1]), int(4), int(6), Buffer.from('1\tone')]))

  it.each<[string, SyntheticArchive, ArchiveErrorCode]>([
    ['an older version', { minor: 13 }, 'ARCHIVE_UNSUPPORTED_VERSION'],
    ['a newer version', { minor: 17 }, 'ARCHIVE_UNSUPPORTED_VERSION'],
    ['numbers of 8 bytes', { intBytes: 8 }, 'ARCHIVE_UNSUPPORTED_FORMAT'],
    ['offsets of 2 bytes', { offsetBytes: 2 }, 'ARCHIVE_UNSUPPORTED_FORMAT'],
    ['the tar format', { format: 3 }, 'ARCHIVE_UNSUPPORTED_FORMAT'],
    ['the directory format', { format: 5 }, 'ARCHIVE_UNSUPPORTED_FORMAT'],
    ['zlib compression, by level', { minor: 14, compression: -1 }, 'ARCHIVE_COMPRESSED'],
    ['gzip compression, by algorithm', { minor: 15, compression: 1 }, 'ARCHIVE_COMPRESSED'],
    ['zstd compression', { compression: 3 }, 'ARCHIVE_COMPRESSED'],
    [
      'rows as INSERT statements',
      { entries: [{ ...tableData('t', []), copyStatement: undefined }] },
      'ARCHIVE_UNSUPPORTED_FORMAT',
    ],
    [
      'rows without an end mark',
      { entries: [{ ...tableData('t', []), blocks: ['1\n'] }] },
      'ARCHIVE_CORRUPT',
    ],
    [
      'data of an unknown kind',
      { entries: [{ ...tableData('t', []), type: 'INDEX DATA' }] },
      'ARCHIVE_CORRUPT',
    ],
    [
      'a sequence without a value',
      { entries: [{ type: 'SEQUENCE SET', name: 's', definition: '' }] },
      'ARCHIVE_CORRUPT',
    ],
  ])('is refused: %s', (_, archive, code) => {
    expect(failure(writeArchive(archive))).toMatchObject({ code })
  })

  it.each<[string, Buffer, ArchiveErrorCode]>([
    ['an SQL script', Buffer.from('--\n-- PostgreSQL database dump\n--\n'), 'ARCHIVE_NOT_A_DUMP'],
    ['a zstd file', Buffer.from('28b52ffd', 'hex'), 'ARCHIVE_NOT_A_DUMP'],
    ['nothing', Buffer.alloc(0), 'ARCHIVE_TRUNCATED'],
    ['something behind the end', Buffer.concat([archive, Buffer.from('x')]), 'ARCHIVE_CORRUPT'],
    [
      'data for an entry that has none',
      Buffer.concat([archive.subarray(0, firstBlock + 1), int(1)]),
      'ARCHIVE_CORRUPT',
    ],
    ['data for no entry', Buffer.concat([archive.subarray(0, firstBlock + 1), int(99)]), 'ARCHIVE_CORRUPT'],
    [
      'a table as large objects',
      Buffer.concat([archive.subarray(0, firstBlock), Buffer.from([3]), int(4)]),
      'ARCHIVE_CORRUPT',
    ],
  ])('is refused: %s', (_, bytes, code) => {
    expect(failure(bytes)).toMatchObject({ code })
  })

  it('is refused when something comes in a later chunk than the end', () => {
    const reader = createArchiveReader()
    reader.write(archive)
    expect(() => reader.write(Buffer.from('x'))).toThrow(/something follows/)
  })

  it('is truncated wherever it is cut', () => {
    for (let length = 0; length < archive.length; length++) {
      expect(failure(archive.subarray(0, length)), `at byte ${length}`).toMatchObject({
        code: 'ARCHIVE_TRUNCATED',
      })
    }
  })

  it('says where it is truncated', () => {
    expect(failure(archive.subarray(0, archive.indexOf('2\t\\N'))).message).toMatch(
      /in the data of TABLE DATA public\.a:/,
    )
    expect(failure(archive.subarray(0, 20)).message).toMatch(/ends at byte 20, in its header/)
  })

  it('fails with an ArchiveError, or reads something else, when bytes are flipped', () => {
    const flip = fc.record({ at: fc.nat(archive.length - 1), bits: fc.integer({ min: 1, max: 255 }) })
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const bytes = Buffer.from(archive)
        for (const { at, bits } of flips) bytes[at]! ^= bits
        const outcome = attempt(bytes)
        expect(outcome instanceof ArchiveError || outcome.bytes === archive.length).toBe(true)
      }),
      { numRuns: 800 },
    )
  })

  it('notices any one flipped byte in the rows', () => {
    const [before] = read(archive).tables
    const start = archive.indexOf('1\tone')
    for (const at of [0, 1, 2, 3, 4].map((offset) => start + offset)) {
      const bytes = Buffer.from(archive)
      bytes[at]! ^= 1
      expect(read(bytes).tables[0]!.digest).not.toBe(before!.digest)
    }
  })

  it('never takes memory for what a length only claims', () => {
    const header = writeArchive().subarray(0, -5)
    const claims = int(0x7fffffff)
    expect(failure(Buffer.concat([header, claims]))).toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    expect(failure(Buffer.concat([header, int(1), int(1), int(0), claims]))).toMatchObject({
      code: 'ARCHIVE_CORRUPT',
    })
    const before = process.memoryUsage().arrayBuffers
    const named = writeArchive({ entries: [tableData('t', [])] })
    expect(failure(Buffer.concat([named.subarray(0, -chain(['\\.\n\n\n']).length), claims]))).toMatchObject({
      code: 'ARCHIVE_TRUNCATED',
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
  })

  it('stays refused', () => {
    const reader = createArchiveReader()
    expect(() => reader.write(Buffer.from('nonsense'))).toThrow(/no archive of pg_dump/)
    expect(() => reader.write(archive)).toThrow(/no archive of pg_dump/)
    expect(() => reader.end()).toThrow(/no archive of pg_dump/)
  })
})

function read(bytes: Buffer, options: { digest?: boolean } = {}): ArchiveContents {
  const reader = createArchiveReader(options)
  reader.write(bytes)
  return reader.end()
}

function attempt(bytes: Buffer): ArchiveContents | ArchiveError {
  try {
    return read(bytes)
  } catch (error) {
    if (error instanceof ArchiveError) return error
    throw error
  }
}

function failure(bytes: Buffer): ArchiveError {
  const outcome = attempt(bytes)
  if (outcome instanceof ArchiveError) return outcome
  throw new Error('the archive was read without an error')
}

function objectDigest(entry: SyntheticEntry): string {
  return read(writeArchive({ entries: [entry] })).objects[0]!.digest
}
