import { brandError, OpsError } from '@ops/internal-error'

/** Every code of {@link ArchiveError}; the README says what each one means. */
export const archiveErrorCodes = [
  'ARCHIVE_NOT_A_DUMP',
  'ARCHIVE_UNSUPPORTED_VERSION',
  'ARCHIVE_UNSUPPORTED_FORMAT',
  'ARCHIVE_COMPRESSED',
  'ARCHIVE_CORRUPT',
  'ARCHIVE_TRUNCATED',
] as const

/** One of {@link archiveErrorCodes}. */
export type ArchiveErrorCode = (typeof archiveErrorCodes)[number]

/** What an {@link ArchiveError} knows besides its message. */
export interface ArchiveErrorDetails {
  /** How many bytes into the archive the reader was. */
  readonly offset?: number
}

/** What reading an archive fails with. */
export class ArchiveError extends OpsError<ArchiveErrorCode, ArchiveErrorDetails> {
  override readonly name = 'ArchiveError'
}

/** Recognises an {@link ArchiveError}, also one of another copy of this package. */
export const isArchiveError: (value: unknown) => value is ArchiveError = brandError(
  ArchiveError,
  '@ops/pg-backup/archive-error',
)
