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

/**
 * What reading an archive fails with.
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs'
 * import { ArchiveError, readArchive } from '@ops/pg-backup/archive'
 *
 * try {
 *   await readArchive(createReadStream('app.dump'))
 * } catch (error) {
 *   if (error instanceof ArchiveError) console.error(`${error.code} at byte ${error.details.offset}`)
 *   else throw error
 * }
 * ```
 */
export class ArchiveError extends OpsError<ArchiveErrorCode, ArchiveErrorDetails> {
  override readonly name = 'ArchiveError'
}

/**
 * Recognises an {@link ArchiveError}, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs'
 * import { isArchiveError, readArchive } from '@ops/pg-backup/archive'
 *
 * try {
 *   await readArchive(createReadStream('app.dump'))
 * } catch (error) {
 *   if (isArchiveError(error) && error.code === 'ARCHIVE_TRUNCATED') console.error('the dump is not whole')
 *   else throw error
 * }
 * ```
 */
export const isArchiveError: (value: unknown) => value is ArchiveError = brandError(
  ArchiveError,
  '@ops/pg-backup/archive-error',
)
