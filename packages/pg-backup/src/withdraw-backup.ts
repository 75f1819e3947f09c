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
  const isManifest = (key: string): boolean => key.endsWith(MANIFEST_NAME)
  const manifest = begun.find(isManifest)
  if (manifest !== undefined && !leftBehind.includes(manifest) && !(await removeKey(store, manifest, logger)))
    leftBehind.push(manifest)
  const manifestStays = leftBehind.some(isManifest)
  const objects = begun.filter((key) => !isManifest(key) && !leftBehind.includes(key))
  leftBehind.push(...(manifestStays ? objects : await removeAll(store, objects, logger)))
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

/** Returns the keys that could not be removed. */
async function removeAll(
  store: ObjectStore,
  keys: readonly string[],
  logger: Logger | undefined,
): Promise<string[]> {
  const failed = (await store.delete(keys)).filter((result) => !result.deleted)
  for (const { key, message } of failed) logger?.warn({ key, reason: message }, 'could not be removed')
  return failed.map(({ key }) => key)
}

async function removeKey(store: ObjectStore, key: string, logger: Logger | undefined): Promise<boolean> {
  // A run that failed early has stored nothing; asking first spares a role that may not delete.
  if ((await store.head(key).catch(() => 'unknown')) === undefined) return true
  return (await removeAll(store, [key], logger)).length === 0
}
