/** Writes archives as pg_dump does, for versions that are not installed and for damage that no pg_dump makes. */
export interface SyntheticArchive {
  readonly minor?: number
  readonly intBytes?: number
  readonly offsetBytes?: number
  readonly format?: number
  /** The compression byte, or number before 1.15. */
  readonly compression?: number
  readonly entries?: readonly SyntheticEntry[]
}

export interface SyntheticEntry {
  readonly type: string
  readonly schema?: string
  readonly name: string
  readonly owner?: string
  readonly definition?: string
  readonly accessMethod?: string
  readonly copyStatement?: string
  /** The data of a table, cut into blocks. */
  readonly blocks?: readonly (string | Buffer)[]
  /** Members of a BLOBS entry: each a number and its blocks. */
  readonly largeObjects?: readonly { readonly oid: number; readonly blocks: readonly (string | Buffer)[] }[]
}

/** A table's data entry; its rows are blocks of one row each, as PostgreSQL 12 to 18 write them. */
export function tableData(name: string, rows: readonly string[], columns = '(a, b)'): SyntheticEntry {
  return {
    type: 'TABLE DATA',
    schema: 'public',
    name,
    copyStatement: `COPY public.${name} ${columns} FROM stdin;\n`,
    blocks: [...rows.map((row) => `${row}\n`), '\\.\n\n\n'],
  }
}

export function writeArchive(archive: SyntheticArchive = {}): Buffer {
  const { minor = 16, offsetBytes = 8, entries = [] } = archive
  const compression = archive.compression ?? 0
  return Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from([1, minor, 0, archive.intBytes ?? 4, offsetBytes, archive.format ?? 1]),
    minor >= 15 ? Buffer.from([compression]) : int(compression),
    ...[6, 18, 7, 21, 10, 126, 0].map(int),
    ...['shop', '18.1', '18.1'].map(text),
    int(entries.length),
    ...entries.map((entry, index) => tocEntry(entry, index + 1, { minor, offsetBytes })),
    ...entries.map((entry, index) => data(entry, index + 1)),
  ])
}

function tocEntry(
  entry: SyntheticEntry,
  dumpId: number,
  layout: { minor: number; offsetBytes: number },
): Buffer {
  const hasData = entry.blocks !== undefined || entry.largeObjects !== undefined
  return Buffer.concat([
    int(dumpId),
    int(hasData ? 1 : 0),
    text('1259'),
    text('16384'),
    text(entry.name),
    text(entry.type),
    int(hasData ? 3 : 2),
    text(entry.definition ?? ''),
    text(''),
    text(entry.copyStatement),
    text(entry.schema),
    text(''),
    text(entry.accessMethod),
    ...(layout.minor >= 16 ? [int(entry.type === 'TABLE' ? 114 : 0)] : []),
    text(entry.owner ?? 'owner'),
    text('false'),
    text('1'),
    text(undefined),
    Buffer.from([hasData ? 1 : 3]),
    Buffer.alloc(layout.offsetBytes),
  ])
}

function data({ blocks, largeObjects }: SyntheticEntry, dumpId: number): Buffer {
  if (blocks !== undefined) return Buffer.concat([Buffer.from([1]), int(dumpId), chain(blocks)])
  if (largeObjects === undefined) return Buffer.alloc(0)
  const members = largeObjects.map(({ oid, blocks }) => Buffer.concat([int(oid | 0), chain(blocks)]))
  return Buffer.concat([Buffer.from([3]), int(dumpId), ...members, int(0)])
}

/** A chain of data blocks with its end. */
export function chain(blocks: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([
    ...blocks.flatMap((block) => [int(Buffer.byteLength(block)), Buffer.from(block)]),
    int(0),
  ])
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = value < 0 ? 1 : 0
  bytes.writeUInt32LE(Math.abs(value), 1)
  return bytes
}

function text(value: string | undefined): Buffer {
  return value === undefined ? int(-1) : Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)])
}
