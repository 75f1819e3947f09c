import { ArchiveError } from './archive-error.ts'
import type { ArchiveHeader } from './archive-header.ts'
import { createByteSource, type Reading } from './byte-source.ts'
import { createLargeObjects, type LargeObjectsDigest } from './large-objects.ts'
import { createRowReader } from './row-reader.ts'
import { schemaObjects, sequences, type SchemaObjectDigest, type SequenceDigest } from './schema-objects.ts'
import { digestTables, type TableDigest, type TableRows } from './table-digest.ts'
import type { TocEntry } from './toc-entry.ts'
import { columnsOf, describe, isTableData, readToc } from './toc.ts'

/** Options of {@link createArchiveReader}. */
export interface ArchiveReaderOptions {
  /** Called when a table's data begin. */
  readonly onTable?: (table: { schema: string; name: string }) => void
  /**
   * Whether to read rows and large objects. Without, the archive's structure is still followed to its
   * end, but `tables` stays empty and `largeObjects` has no digest.
   * @default true
   */
  readonly digest?: boolean
}

/** Reads one archive that `pg_dump --format=custom --compress=0` wrote, as its bytes come by. */
export interface ArchiveReader {
  /**
   * Takes the next bytes, cut anywhere; does not keep `chunk`. Throws {@link ArchiveError}, and the same one
   * again after that.
   */
  write(chunk: Uint8Array): void
  /** Says that the archive is over, and returns what was in it. Throws `ARCHIVE_TRUNCATED` when it is not whole. */
  end(): ArchiveContents
  readonly progress: ArchiveProgress
}

/** How far an archive was read. */
export interface ArchiveProgress {
  /** Bytes of the archive so far. */
  readonly bytes: number
  readonly rows: number
  /** The table whose rows come now. */
  readonly table?: { readonly schema: string; readonly name: string }
  readonly tablesDone: number
  /** Known once the table of contents was read. */
  readonly tablesTotal?: number
}

/** Everything an archive holds, digested. */
export interface ArchiveContents {
  header: ArchiveHeader
  entries: TocEntry[]
  tables: TableDigest[]
  largeObjects: LargeObjectsDigest
  sequences: SequenceDigest[]
  objects: SchemaObjectDigest[]
  /** Bytes of the archive. */
  bytes: number
}

const TABLE_BLOCK = 1
const LARGE_OBJECT_BLOCK = 3

/**
 * Reads an archive in `pg_dump`'s custom format as it is pushed in, chunk by chunk: counts and digests the rows
 * of every table, and keeps nothing of them.
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs'
 * import { createArchiveReader } from '@ops/pg-backup/archive'
 *
 * const reader = createArchiveReader({ onTable: ({ schema, name }) => console.log(`${schema}.${name}`) })
 * for await (const chunk of createReadStream('app.dump')) reader.write(chunk as Uint8Array)
 * console.log(reader.end().tables)
 * ```
 */
export function createArchiveReader(options: ArchiveReaderOptions = {}): ArchiveReader {
  const reading = options.digest ?? true
  const source = createByteSource()
  const rowReader = createRowReader(reading)
  const largeObjects = createLargeObjects(reading)
  const tables: TableRows[] = []
  let rowsDone = 0
  let tablesDone = 0
  let tablesTotal: number | undefined
  let table: { schema: string; name: string } | undefined
  /** Where reading is, for the message when the archive ends there. */
  let place = 'in its header'

  function* readArchive(): Reading<ArchiveContents> {
    const { header, entries } = yield* readToc(source, 'custom', (where) => {
      place = where
    })
    const awaited = new Map(entries.filter(({ hasData }) => hasData).map((entry) => [entry.dumpId, entry]))
    tablesTotal = entries.filter(isTableData).length
    while (awaited.size > 0) {
      place = `with the data of ${awaited.size} entries missing, ${describe(awaited.values().next().value!)} among them`
      yield* readData(awaited)
    }
    return {
      header,
      entries,
      tables: digestTables(tables),
      largeObjects: largeObjects.result(),
      sequences: sequences(entries),
      objects: schemaObjects(entries),
      bytes: source.offset,
    }
  }

  /** Reads the data of one entry, and takes it off those that are awaited. */
  function* readData(awaited: Map<number, TocEntry>): Reading<void> {
    const offset = source.offset
    const blockType = yield* source.byte()
    const dumpId = yield* source.int()
    const entry = awaited.get(dumpId)
    if (entry === undefined)
      throw source.corrupt(`there are data for entry ${dumpId}, for which none are awaited`)
    if (entry.dataOffset !== undefined && entry.dataOffset !== offset) {
      throw source.corrupt(
        `the data of ${describe(entry)} begin at byte ${offset}, and at ${entry.dataOffset} by the table of contents`,
      )
    }
    place = `in the data of ${describe(entry)}`
    if (blockType === TABLE_BLOCK && isTableData(entry)) yield* readRows(entry)
    else if (blockType === LARGE_OBJECT_BLOCK && entry.type === 'BLOBS') yield* largeObjects.read(source)
    else throw source.corrupt(`the data of ${describe(entry)} are of the unknown kind ${blockType}`)
    awaited.delete(dumpId)
  }

  function* readRows(entry: TocEntry): Reading<void> {
    const { schema, name } = entry
    const columns = columnsOf(entry, source)
    table = { schema, name }
    options.onTable?.({ schema, name })
    rowReader.start()
    while (rowReader.stopped === undefined) source.skip(rowReader.write(yield* source.rest()))
    if (rowReader.stopped === 'bad block')
      throw source.corrupt(`a block of ${describe(entry)} has an impossible length`)
    const problem = rowReader.endProblem()
    if (problem !== undefined) throw source.corrupt(`of ${describe(entry)}: ${problem}`)
    if (reading) tables.push({ schema, name, columns, ...rowReader.sums() })
    rowsDone += rowReader.rows
    tablesDone++
    table = undefined
    rowReader.start()
  }

  const parsing = readArchive()
  let contents: ArchiveContents | undefined
  let failure: unknown

  /** Lets the parser go on as far as the bytes at hand reach. */
  function advance(): void {
    if (failure !== undefined) throw failure
    try {
      if (contents === undefined) {
        const step = parsing.next()
        if (step.done === true) contents = step.value
      }
      if (contents !== undefined && source.unread > 0)
        throw source.corrupt('something follows after the last of its data')
    } catch (error) {
      failure = error
      throw error
    }
  }

  return {
    write(chunk) {
      if (chunk.length === 0) return
      source.feed(chunk)
      advance()
    },
    end() {
      advance()
      if (contents !== undefined) return contents
      throw new ArchiveError(
        'ARCHIVE_TRUNCATED',
        `the archive ends at byte ${source.offset}, ${place}: pg_dump was cut short, or the archive was; use another backup, or take a new one`,
        { details: { offset: source.offset } },
      )
    },
    get progress() {
      return {
        bytes: source.offset,
        rows: rowsDone + rowReader.rows,
        ...(table === undefined ? {} : { table }),
        tablesDone,
        ...(tablesTotal === undefined ? {} : { tablesTotal }),
      }
    },
  }
}
