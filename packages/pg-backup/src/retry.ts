import pRetry from 'p-retry'
import { isBackupError, type BackupError, type BackupErrorCode } from './backup-error.ts'

/** How often, and after which waits, a backup is tried again. */
export interface RetryOptions {
  /** How often a backup is tried, the first time included. @default 1 */
  readonly attempts?: number
  /** Wait before the second attempt; it doubles, with jitter. @default 30000 */
  readonly delayMs?: number
  /** No wait is longer. @default 600000 */
  readonly maxDelayMs?: number
}

/** An attempt failed, and another one follows. */
export interface RetryProgress {
  readonly phase: 'retry'
  /** The one that failed, from 1. */
  readonly attempt: number
  readonly attempts: number
  readonly delayMs: number
  readonly code: BackupErrorCode
  readonly message: string
}

/** What another attempt may get over; everything else needs a person first. */
const MAY_PASS: ReadonlySet<BackupErrorCode> = new Set([
  'BACKUP_CONNECT_FAILED',
  'BACKUP_DUMP_FAILED',
  'BACKUP_DUMP_STALLED',
  'BACKUP_LOCK_TIMEOUT',
  'BACKUP_REPLICA_CONFLICT',
  'BACKUP_STORE_FAILED',
  'BACKUP_LEASE_LOST',
])

/** Failures of a store that no wait mends. */
const STORE_STAYS = new Set([
  'STORE_NO_BUCKET',
  'STORE_ACCESS_DENIED',
  'STORE_BAD_CREDENTIALS',
  'STORE_WRONG_REGION',
  'STORE_READ_ONLY',
  'STORE_TOO_LARGE',
  'STORE_BAD_KEY',
  'STORE_UNSUPPORTED',
])

function mayPass(error: unknown): error is BackupError {
  if (!isBackupError(error) || !MAY_PASS.has(error.code)) return false
  return error.details.storeCode === undefined || !STORE_STAYS.has(error.details.storeCode)
}

/** Does the work until it succeeds, fails for good, or was tried often enough; never again after an abort. */
export async function withRetries<T>(
  options: RetryOptions & {
    readonly signal?: AbortSignal
    readonly onRetry: (progress: RetryProgress) => void
  },
  work: () => Promise<T>,
): Promise<T> {
  const { attempts = 1, delayMs = 30_000, maxDelayMs = 600_000, signal, onRetry } = options
  return pRetry(work, {
    retries: attempts - 1,
    minTimeout: delayMs,
    maxTimeout: maxDelayMs,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => mayPass(error),
    onFailedAttempt: ({ error, attemptNumber, retriesLeft, retryDelay }) => {
      if (retriesLeft === 0 || !mayPass(error)) return
      const { code, message } = error
      onRetry({ phase: 'retry', attempt: attemptNumber, attempts, delayMs: retryDelay, code, message })
    },
  })
}
