import { ArchiveError } from './archive-error.ts'
import type { ArchiveContents, ArchiveProgress } from './archive-reader.ts'
import { createByteSource } from './byte-source.ts'
import { createLargeObjects } from './large-objects.ts'
import { createRowReader, type RowReader, type RowSums } from './row-reader.ts'
import { schemaObjects, sequences } from './schema-objects.ts'
import { digestTables } from './table-digest.ts'
import type { TocEntry } from './toc-entry.ts'
import { columnsOf, describe, isTableData, readToc } from './toc.ts'

/** Takes one file of a directory archive. */
export interface MemberReader {
  /** Takes the next bytes, cut anywhere; does not keep them. Throws {@link ArchiveError}. */
  write(bytes: Uint8Array): void
  /** Says that the file is over. Throws {@link ArchiveError} when it is not whole. */
  end(): void
}

/** Reads the files that `pg_dump --format=directory --compress=0` wrote, in any order and side by side. */
export interface DirectoryReader {
  /** Begins the file of this name. */
  member(name: string): MemberReader
  /** Returns what was in them, once all are read. Throws `ARCHIVE_TRUNCATED` when one is missing. */
  end(): ArchiveContents
  readonly progress: ArchiveProgress
}

/** What the names of a directory archive's files say of them. */
const TABLE_FILE = /^\d+\.dat$/
const LARGE_OBJECT_FILE = /^blob_(\d+)\.dat$/
const LARGE_OBJECT_LIST = /^blobs(?:_\d+)?\.toc$/
export const TOC_FILE = 'toc.dat'

/** A list of large objects has a line of about 30 bytes for each. */
const MAX_LIST_BYTES = 1024 * 1024 * 1024

export function createDirectoryReader({
  digest: reading = true,
}: { digest?: boolean } = {}): DirectoryReader {
  const largeObjects = createLargeObjects(reading)
  const toc = createByteSource()
  const parsing = readToc(toc, 'directory', () => undefined)
  let contents: { header: ArchiveContents['header']; entries: TocEntry[] } | undefined
  const rowsOf = new Map<string, RowSums>()
  const seen = new Set<string>()
  /** Large objects that a list names. */
  const listed = new Set<string>()
  const idle: RowReader[] = []
  const busy = new Set<RowReader>()
  let bytes = 0
  let rowsDone = 0

  function table(name: string): MemberReader {
    const rows = idle.pop() ?? createRowReader(reading)
    busy.add(rows)
    rows.start()
    return {
      write(piece) {
        // The row reader takes the blocks of a custom archive; a file is the same without their headers.
        if (reading) rows.write(blockHeader(piece.length))
        if (reading) rows.write(piece)
      },
      end() {
        if (reading) rows.write(blockHeader(0))
        const problem = rows.endProblem()
        if (problem !== undefined) throw corrupt(name, problem)
        rowsOf.set(name, rows.sums())
        rowsDone += rows.rows
        rows.start()
        busy.delete(rows)
        idle.push(rows)
      },
    }
  }

  function list(name: string): MemberReader {
    const pieces: Buffer[] = []
    let length = 0
    return {
      write(piece) {
        length += piece.length
        if (length > MAX_LIST_BYTES) throw corrupt(name, `it has more than ${MAX_LIST_BYTES} bytes`)
        pieces.push(Buffer.from(piece))
      },
      end() {
        for (const line of Buffer.concat(pieces).toString('latin1').split('\n')) {
          const file = /^\d+ (blob_\d+\.dat)$/.exec(line)?.[1]
          if (file !== undefined) listed.add(file)
          else if (line !== '') throw corrupt(name, 'it has a line that names no large object')
        }
      },
    }
  }

  const tocMember: MemberReader = {
    write(piece) {
      toc.feed(piece)
      advanceToc()
    },
    end: advanceToc,
  }

  function advanceToc(): void {
    if (contents === undefined) {
      const step = parsing.next()
      if (step.done === true) contents = step.value
    }
    if (contents !== undefined && toc.unread > 0) throw toc.corrupt('something follows its table of contents')
  }

  function readerOf(name: string): MemberReader {
    if (name === TOC_FILE) return tocMember
    if (TABLE_FILE.test(name)) return table(name)
    if (LARGE_OBJECT_LIST.test(name)) return list(name)
    const oid = LARGE_OBJECT_FILE.exec(name)?.[1]
    if (oid !== undefined) return largeObjects.begin(Number(oid))
    throw new ArchiveError(
      'ARCHIVE_UNSUPPORTED_FORMAT',
      `the directory has a file ${name}, which pg_dump of PostgreSQL 12 to 18 does not write; update @ops/pg-backup`,
    )
  }

  /** The data entries of the table of contents and the files that came are one and the same. */
  function checkComplete(entries: readonly TocEntry[]): void {
    const awaited = new Map<string, string>([[TOC_FILE, 'the table of contents']])
    for (const entry of entries)
      if (entry.fileName !== undefined) awaited.set(entry.fileName, describe(entry))
    for (const file of listed) awaited.set(file, 'a large object')
    for (const [file, what] of awaited) {
      if (!seen.has(file))
        throw new ArchiveError(
          'ARCHIVE_TRUNCATED',
          `${file} is missing, which has ${what}; take a new backup`,
        )
    }
    for (const file of seen)
      if (!awaited.has(file)) throw corrupt(file, 'nothing in the archive refers to it')
  }

  return {
    member(name) {
      const reader = readerOf(name)
      if (seen.has(name)) throw corrupt(name, 'it came twice')
      seen.add(name)
      return {
        write(piece) {
          if (piece.length === 0) return
          bytes += piece.length
          reader.write(piece)
        },
        end: () => reader.end(),
      }
    },
    end() {
      if (contents === undefined) {
        const where = `${TOC_FILE} ends at byte ${toc.offset}`
        throw new ArchiveError('ARCHIVE_TRUNCATED', `${where}, before its end; take a new backup`)
      }
      const { header, entries } = contents
      checkComplete(entries)
      const tables = entries.filter(isTableData).flatMap((entry) => {
        const columns = columnsOf(entry, toc)
        const sums = rowsOf.get(entry.fileName!)
        if (sums === undefined) throw corrupt(entry.fileName!, 'it has no rows')
        return reading ? [{ schema: entry.schema, name: entry.name, columns, ...sums }] : []
      })
      return {
        header,
        entries,
        tables: digestTables(tables),
        largeObjects: largeObjects.result(),
        sequences: sequences(entries),
        objects: schemaObjects(entries),
        bytes,
      }
    },
    get progress() {
      let rows = rowsDone
      for (const reader of busy) rows += reader.rows
      return { bytes, rows, tablesDone: rowsOf.size }
    },
  }
}

/** As `WriteInt` of pg_backup_archiver.c writes a length. */
function blockHeader(length: number): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32LE(length, 1)
  return header
}

function corrupt(file: string, problem: string): ArchiveError {
  return new ArchiveError(
    'ARCHIVE_CORRUPT',
    `the archive's file ${file} is damaged: ${problem}; take a new backup`,
  )
}
