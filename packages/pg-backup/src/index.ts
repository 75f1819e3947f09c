/**
 * Take, list, check and restore backups of PostgreSQL, with every row counted and digested.
 * @module @ops/pg-backup
 */
/** The base class of the errors below, with `code` and `details`. */
export type { OpsError } from '@ops/internal-error'
export {
  backupErrorCodes,
  BackupError,
  isBackupError,
  type BackupErrorCode,
  type BackupErrorDetails,
} from './backup-error.ts'
export { backupFolder, backupIdTime, type BackupRef } from './backup-set.ts'
export { checkBackup, type CheckBackupOptions } from './check-backup.ts'
export {
  connectionEnvironment,
  describeConnection,
  parseConnectionUri,
  type PgConnection,
} from './connection.ts'
export {
  createAllBackups,
  type CreateAllBackupsOptions,
  type CreateAllBackupsResult,
  type DatabaseOptions,
  type DatabaseOutcome,
} from './create-all-backups.ts'
export {
  createBackup,
  type BackupProgress,
  type BackupResult,
  type CreateBackupOptions,
} from './create-backup.ts'
export type { BackupCompression, Compression, CompressionAlgorithm } from './compression.ts'
export { checkEncryption, parseIdentities, type BackupEncryption, type BackupKeys } from './encryption.ts'
export { digestDatabase, type DigestDatabaseOptions } from './digest-database.ts'
export type {
  BackupAttempt,
  BackupFailure,
  BackupFailureCode,
  BackupHooks,
  BackupSuccess,
  HookContext,
} from './hooks.ts'
export {
  findBackup,
  listBackups,
  type FindBackupOptions,
  type ListBackupsOptions,
  type ListedBackup,
} from './list-backups.ts'
export { listDatabases, type ListDatabasesOptions } from './list-databases.ts'
export {
  acquireLease,
  type AcquireLeaseOptions,
  type Lease,
  type LeaseHolder,
  type LeaseOptions,
  type LeaseSubject,
} from './lease.ts'
export type { Logger } from './logger.ts'
export {
  MANIFEST_FORMAT,
  manifestJsonSchema,
  parseManifest,
  readManifest,
  type Manifest,
  type ManifestObject,
  type ReadManifestOptions,
} from './manifest.ts'
export { openBackup, openTableOfContents, type OpenBackupOptions, type StoredBackup } from './open-backup.ts'
export { findPostgresProgram, type FindProgramOptions, type PostgresProgram } from './postgres-program.ts'
export {
  restoreBackup,
  type RestoreBackupOptions,
  type RestoreProgress,
  type RestoreResult,
} from './restore-backup.ts'
export type { RetryOptions, RetryProgress } from './retry.ts'
export type { RestoredGlobals } from './restore-globals.ts'
export { quoteIdentifier, quoteLiteral, runPsql, type PsqlOptions } from './run-psql.ts'
export { createDatabaseStatement, type DatabaseLocale } from './create-database-statement.ts'
export { readServerFacts, type ServerFacts } from './server-facts.ts'
export { webhookNotifier, type WebhookFormat, type WebhookOptions } from './webhook.ts'
export { WEBHOOK_FORMAT, type WebhookMessage } from './webhook-message.ts'
