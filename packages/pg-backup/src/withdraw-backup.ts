import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { MANIFEST_NAME } from './backup-set.ts'
import type { Logger } from './logger.ts'

/**
 * Takes back what a failed backup has stored: the manifest first, and its objects only when it is gone,
 * so that nothing ever looks like a backup whose objects are gone. Runs after an abort too, so it does
 * not take the signal.
 */
export async function withdrawBackup(
  store: ObjectStore,
  begun: readonly string[],
  error: unknown,
  logger: Logger | undefined,
): Promise<unknown> {
  const leftBehind = await remainsOfPut(store, error, logger)
  let manifestStays = leftBehind.some((key) => key.endsWith(MANIFEST_NAME))
  for (const key of begun) {
    if (leftBehind.includes(key) || (!manifestStays && (await removeKey(store, key, logger)))) continue
    leftBehind.push(key)
    manifestStays ||= key.endsWith(MANIFEST_NAME)
  }
  logger?.error(
    { leftBehind },
    manifestStays
      ? 'the backup failed, but its manifest may be there'
      : 'the backup failed; nothing was published',
  )
  if (leftBehind.length === 0 || !(error instanceof BackupError)) return error
  return new BackupError(
    error.code,
    `${error.message} (and this could not be removed: ${leftBehind.join(', ')})`,
    {
      details: { ...error.details, leftBehind },
      cause: error.cause,
    },
  )
}

/** What the store itself could not remove after a put that failed, unless it can now. */
async function remainsOfPut(
  store: ObjectStore,
  error: unknown,
  logger: Logger | undefined,
): Promise<string[]> {
  const cause = error instanceof BackupError ? error.cause : error
  const { key, uploadId } = (isObjectStoreError(cause) ? cause.details.leftBehind : undefined) ?? {}
  if (key === undefined) return []
  const remains = (await removeKey(store, key, logger)) ? [] : [key]
  if (uploadId === undefined) return remains
  return store.abortPendingUpload({ key, uploadId, startedAt: new Date() }).then(
    () => remains,
    () => [...remains, `${key} (upload ${uploadId})`],
  )
}

async function removeKey(store: ObjectStore, key: string, logger: Logger | undefined): Promise<boolean> {
  // A run that failed early has stored nothing; asking first spares a role that may not delete.
  if ((await store.head(key).catch(() => 'unknown')) === undefined) return true
  const [result] = await store.delete([key])
  if (result?.deleted === true) return true
  logger?.warn({ key, reason: result?.message }, 'could not be removed')
  return false
}
