/**
 * Reads `pg_dump`'s custom format as a stream: its entries, and a digest of every table.
 * @module @ops/pg-backup/archive
 */
/** The base class of the errors below, with `code` and `details`. */
export type { OpsError } from '@ops/internal-error'
export { archiveErrorCodes, ArchiveError, isArchiveError } from './archive-error.ts'
export type { ArchiveErrorCode, ArchiveErrorDetails } from './archive-error.ts'
export type { ArchiveHeader } from './archive-header.ts'
export { createArchiveReader } from './archive-reader.ts'
export type {
  ArchiveContents,
  ArchiveProgress,
  ArchiveReader,
  ArchiveReaderOptions,
} from './archive-reader.ts'
export type { LargeObjectsDigest } from './large-objects.ts'
export { readArchive, tap } from './read-archive.ts'
export { readTableOfContents } from './read-table-of-contents.ts'
export { isDatabaseLevel } from './schema-objects.ts'
export type { SchemaObjectDigest, SequenceDigest } from './schema-objects.ts'
export { DIGEST_NAME } from './table-digest.ts'
export type { TableDigest } from './table-digest.ts'
export type { TocEntry } from './toc-entry.ts'
