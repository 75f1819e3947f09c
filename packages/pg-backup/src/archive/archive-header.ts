import { ArchiveError } from './archive-error.ts'
import type { ByteSource, Reading } from './byte-source.ts'

/** What an archive says of itself. */
export interface ArchiveHeader {
  /** The archive format's version, such as `1.15`. */
  version: string
  database: string
  /** Of the server that was dumped, such as `17.5 (Debian 17.5-1)`. */
  serverVersion: string
  pgDumpVersion: string
  /** The wall clock of the machine that ran pg_dump, without its zone: `2026-11-21T07:18:06`. */
  createdAt: string
  /** Width of a file offset, as reading on needs it. */
  offsetBytes: number
}

const MAGIC = 'PGDMP'
/** Which of pg_dump's formats: one file, or a table of contents beside a file for each table. */
export type ArchiveFormat = 'custom' | 'directory'

/** The head of a directory's `toc.dat` has the number of the tar format. */
const FORMAT_NUMBERS: Readonly<Record<ArchiveFormat, number>> = { custom: 1, directory: 3 }
const FORMATS: Readonly<Record<number, string>> = { 1: 'custom', 3: 'tar or directory', 5: 'directory' }
const OLDEST_MINOR = 14
const NEWEST_MINOR = 16
/** From here on, compression is an algorithm in one byte; before, zlib's level in a number. */
const COMPRESSION_ALGORITHM_SINCE = 15

/** Reads `ReadHead` of pg_backup_archiver.c, for the versions of PostgreSQL 12 to 18. */
export function* readHeader(source: ByteSource, format: ArchiveFormat): Reading<ArchiveHeader> {
  yield* readMagic(source)
  const minor = yield* readVersion(source)
  const offsetBytes = yield* readWidths(source)
  yield* readFormat(source, format)
  yield* readCompression(source, minor)
  const createdAt = yield* readCreationTime(source)
  return {
    version: `1.${minor}`,
    createdAt,
    database: (yield* source.text("the database's name")) ?? '',
    serverVersion: (yield* source.text("the server's version")) ?? '',
    pgDumpVersion: (yield* source.text("pg_dump's version")) ?? '',
    offsetBytes,
  }
}

/** The archive version's second number, by which the layout differs. */
export function minorOf(header: ArchiveHeader): number {
  return Number(header.version.split('.')[1])
}

function* readMagic(source: ByteSource): Reading<void> {
  for (const char of MAGIC) {
    if ((yield* source.byte()) === char.charCodeAt(0)) continue
    throw new ArchiveError(
      'ARCHIVE_NOT_A_DUMP',
      `this is no archive of pg_dump: it does not begin with "${MAGIC}"; make archives with pg_dump --format=custom, and decompress them before reading`,
      { details: { offset: source.offset } },
    )
  }
}

function* readVersion(source: ByteSource): Reading<number> {
  const major = yield* source.byte()
  const minor = yield* source.byte()
  const revision = yield* source.byte()
  if (major === 1 && minor >= OLDEST_MINOR && minor <= NEWEST_MINOR) return minor
  throw new ArchiveError(
    'ARCHIVE_UNSUPPORTED_VERSION',
    `the archive has the version ${major}.${minor}.${revision}, and 1.${OLDEST_MINOR} to 1.${NEWEST_MINOR} can be read (PostgreSQL 12 to 18); dump with a pg_dump of these versions, or update @ops/pg-backup`,
    { details: { offset: source.offset } },
  )
}

function* readWidths(source: ByteSource): Reading<number> {
  const intBytes = yield* source.byte()
  const offsetBytes = yield* source.byte()
  if (intBytes === 4 && (offsetBytes === 4 || offsetBytes === 8)) return offsetBytes
  throw new ArchiveError(
    'ARCHIVE_UNSUPPORTED_FORMAT',
    `the archive has numbers of ${intBytes} bytes and offsets of ${offsetBytes}, and only 4 with 4 or 8 can be read; dump again on a usual machine`,
    { details: { offset: source.offset } },
  )
}

function* readFormat(source: ByteSource, expected: ArchiveFormat): Reading<void> {
  const format = yield* source.byte()
  if (format === FORMAT_NUMBERS[expected]) return
  throw new ArchiveError(
    'ARCHIVE_UNSUPPORTED_FORMAT',
    `the archive is in ${FORMATS[format] ?? `an unknown (${format})`} format; make it with pg_dump --format=${expected}`,
    { details: { offset: source.offset } },
  )
}

function* readCompression(source: ByteSource, minor: number): Reading<void> {
  const compression = minor >= COMPRESSION_ALGORITHM_SINCE ? yield* source.byte() : yield* source.int()
  if (compression === 0) return
  throw new ArchiveError(
    'ARCHIVE_COMPRESSED',
    'the rows in the archive are compressed, so they cannot be counted and digested; make it with pg_dump --format=custom --compress=0, and compress it as a whole',
    { details: { offset: source.offset } },
  )
}

function* readCreationTime(source: ByteSource): Reading<string> {
  const second = yield* readInRange(source, 'second', 0, 60)
  const minute = yield* readInRange(source, 'minute', 0, 59)
  const hour = yield* readInRange(source, 'hour', 0, 23)
  const day = yield* readInRange(source, 'day', 1, 31)
  const month = 1 + (yield* readInRange(source, 'month', 0, 11))
  const year = 1900 + (yield* readInRange(source, 'year', 0, 8099))
  yield* readInRange(source, 'daylight saving flag', -1, 1)
  const [MM, DD, hh, mm, ss] = [month, day, hour, minute, second].map((part) => String(part).padStart(2, '0'))
  return `${String(year).padStart(4, '0')}-${MM}-${DD}T${hh}:${mm}:${ss}`
}

function* readInRange(source: ByteSource, what: string, low: number, high: number): Reading<number> {
  const value = yield* source.int()
  if (value >= low && value <= high) return value
  throw source.corrupt(`the ${what} of its creation time is ${value}`)
}
