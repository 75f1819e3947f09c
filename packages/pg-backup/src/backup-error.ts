import { brandError, OpsError } from '@ops/internal-error'
import type { LeaseHolder } from './lease.ts'

/** Every code of {@link BackupError}; the README says what each one means. */
export const backupErrorCodes = [
  'BACKUP_BAD_OPTIONS',
  'BACKUP_CONNECT_FAILED',
  'BACKUP_TRANSACTION_POOLING',
  'BACKUP_NO_DATABASE',
  'BACKUP_PROGRAM_MISSING',
  'BACKUP_PROGRAM_TOO_OLD',
  'BACKUP_DUMP_FAILED',
  'BACKUP_DUMP_STALLED',
  'BACKUP_LOCK_TIMEOUT',
  'BACKUP_REPLICA_CONFLICT',
  'BACKUP_ARCHIVE_INVALID',
  'BACKUP_STORE_FAILED',
  'BACKUP_LEASE_HELD',
  'BACKUP_LEASE_LOST',
  'BACKUP_NOT_FOUND',
  'BACKUP_MANIFEST_INVALID',
  'BACKUP_FORMAT_UNSUPPORTED',
  'BACKUP_OBJECT_DAMAGED',
  'BACKUP_KEY_MISSING',
  'BACKUP_KEY_WRONG',
  'BACKUP_LAYOUT_UNSUPPORTED',
  'BACKUP_STAGING_FULL',
  'BACKUP_STAGING_FAILED',
  'BACKUP_TARGET_NOT_EMPTY',
  'BACKUP_RESTORE_FAILED',
] as const

/** One of {@link backupErrorCodes}. */
export type BackupErrorCode = (typeof backupErrorCodes)[number]

/** Facts beside the message, as far as they apply. */
export interface BackupErrorDetails {
  /** Who holds the lease. */
  holder?: LeaseHolder
  /** The database that was being dumped or restored. */
  database?: string
  /** The object in the store that the error is about. */
  key?: string
  /** What could not be removed after the failure, relative to the store. */
  leftBehind?: string[]
  /** The code of the `ObjectStoreError` underneath. */
  storeCode?: string
}

/**
 * What every function of `@ops/pg-backup` rejects with, unless it was aborted.
 *
 * @example
 * ```ts
 * import { BackupError, findBackup } from '@ops/pg-backup'
 * import { fileStore } from '@ops/object-store'
 *
 * try {
 *   await findBackup({ store: fileStore({ folder: '/backups' }), database: 'app', id: 'latest' })
 * } catch (error) {
 *   if (error instanceof BackupError && error.code === 'BACKUP_NOT_FOUND') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export class BackupError extends OpsError<BackupErrorCode, BackupErrorDetails> {
  override readonly name = 'BackupError'
}

/**
 * Recognises a {@link BackupError}, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { createBackup, isBackupError } from '@ops/pg-backup'
 * import { fileStore } from '@ops/object-store'
 *
 * try {
 *   await createBackup({ store: fileStore({ folder: '/backups' }) })
 * } catch (error) {
 *   if (isBackupError(error)) console.error(error.code, error.message, error.details)
 *   else throw error
 * }
 * ```
 */
export const isBackupError: (value: unknown) => value is BackupError = brandError(
  BackupError,
  '@ops/pg-backup/error',
)
