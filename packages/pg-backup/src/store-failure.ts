import { isObjectStoreError } from '@ops/object-store'
import { BackupError } from './backup-error.ts'

export interface StoreFailureContext {
  /** Completes "… failed while ‹doing›". */
  readonly doing: string
  readonly key: string
  /** The object is there to be read: that it is missing is an answer, and not a failure of the store. */
  readonly isRead?: boolean
  readonly signal?: AbortSignal
}

/** What a failed store request means to a backup. Other errors, and the reason of an abort, come back as they are. */
export function toBackupError(error: unknown, context: StoreFailureContext): unknown {
  if (context.signal?.aborted === true) return context.signal.reason
  if (!isObjectStoreError(error)) return error
  const details = { key: context.key, storeCode: error.code }
  if (context.isRead === true && error.code === 'STORE_NOT_FOUND') {
    return new BackupError('BACKUP_NOT_FOUND', `there is no ${context.key} in the store`, {
      details,
      cause: error,
    })
  }
  return new BackupError('BACKUP_STORE_FAILED', `the store failed while ${context.doing}: ${error.message}`, {
    details,
    cause: error,
  })
}
