import { ArchiveError } from './archive-error.ts'
import { readHeader, type ArchiveFormat, type ArchiveHeader } from './archive-header.ts'
import type { ByteSource, Reading } from './byte-source.ts'
import { columnsOfCopy } from './table-digest.ts'
import { readTocEntry, type TocEntry } from './toc-entry.ts'

/** Far more than PostgreSQL can hold in practice; memory grows with what is really read, never with this. */
const MAX_ENTRIES = 20_000_000

/** Reads an archive's head and table of contents; `onPlace` is told where reading is, for messages. */
export function* readToc(
  source: ByteSource,
  format: ArchiveFormat,
  onPlace: (place: string) => void,
): Reading<{ header: ArchiveHeader; entries: TocEntry[] }> {
  const header = yield* readHeader(source, format)
  onPlace('in its table of contents')
  const count = yield* source.int()
  if (count < 0 || count > MAX_ENTRIES) throw source.corrupt(`its table of contents has ${count} entries`)
  const entries: TocEntry[] = []
  const seen = new Set<number>()
  while (entries.length < count) {
    onPlace(`in its table of contents, after ${entries.length} of ${count} entries`)
    const entry = yield* readTocEntry(source, header, format)
    if (seen.has(entry.dumpId))
      throw source.corrupt(`two entries of the table of contents have the number ${entry.dumpId}`)
    seen.add(entry.dumpId)
    entries.push(entry)
  }
  return { header, entries }
}

export function isTableData(entry: TocEntry): boolean {
  return entry.type === 'TABLE DATA' && entry.hasData
}

/** The columns that a table's rows have. Throws `ARCHIVE_UNSUPPORTED_FORMAT` where they are INSERT statements. */
export function columnsOf(entry: TocEntry, source: ByteSource): string {
  const columns = columnsOfCopy(entry.copyStatement ?? '')
  if (columns !== undefined) return columns
  throw new ArchiveError(
    'ARCHIVE_UNSUPPORTED_FORMAT',
    `the rows of ${describe(entry)} are not in COPY format, so they cannot be counted and digested; dump without --inserts`,
    { details: { offset: source.offset } },
  )
}

export function describe({ type, schema, name }: TocEntry): string {
  return `${type} ${schema === '' ? '' : `${schema}.`}${name}`
}
