import { isObjectStoreError } from '@ops/object-store'
import { errorMessage } from '@ops/internal-error'
import { RetentionError } from './retention-error.ts'

/** What a failed request means for retention; an abort and our own errors pass through untouched. */
export function toRetentionError(error: unknown, doing: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true || error instanceof RetentionError)
    return signal?.aborted === true ? signal.reason : error
  return new RetentionError('RETENTION_STORE_FAILED', `${doing} failed: ${errorMessage(error)}`, {
    cause: error,
    details: isObjectStoreError(error) ? { storeCode: error.code, key: error.details.key } : {},
  })
}
