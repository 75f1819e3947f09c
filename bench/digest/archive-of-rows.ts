const TOTAL_BYTES = 64_000_000
const HEADER = [1, 14, 0, 4, 8, 1]

/** An archive of one table with rows of one length, and the blocks in it by themselves. */
export function archiveOfRows(shape: { rowBytes: number; rowsPerBlock: number }): {
  archive: Buffer
  blocks: Buffer
} {
  const { rowBytes, rowsPerBlock } = shape
  const row = Buffer.from(
    Array.from({ length: rowBytes }, (_, index) =>
      index === rowBytes - 1 ? 10 : 33 + ((index * 7919) % 58),
    ),
  )
  const block = Buffer.concat([
    int(rowBytes * rowsPerBlock),
    ...Array.from({ length: rowsPerBlock }, () => row),
  ])
  const blocks = Buffer.alloc(Math.floor(TOTAL_BYTES / block.length) * block.length, block)
  const end = Buffer.from('\\.\n\n\n')
  const archive = Buffer.concat([header(), Buffer.from([1]), int(1), blocks, int(end.length), end, int(0)])
  return { archive, blocks }
}

/** An archive's header and its table of contents, which has one entry: the rows of `public.t`. */
function header(): Buffer {
  const created = [0, 0, 0, 1, 0, 126, 0]
  const names = ['t', 'TABLE DATA']
  return Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from(HEADER),
    int(0),
    ...created.map(int),
    ...['db', '15', '15'].map(text),
    ...[1, 1, 1].map(int),
    ...['0', '0', ...names].map(text),
    int(3),
    ...['', '', 'COPY public.t (a) FROM stdin;\n', 'public', '', '', 'owner', 'false'].map(text),
    Buffer.from([1, 1, 0, 0, 0]),
    Buffer.from([1]),
    Buffer.alloc(8),
  ])
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32LE(value, 1)
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)])
}
