import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { errorMessage } from '@ops/internal-error'
import { backupIdTime, databaseFolder, MANIFEST_NAME, type BackupRef } from './backup-set.ts'
import type { Logger } from './logger.ts'
import { removeDeadStagingFolders } from './staging-folder.ts'

export interface CleanUpOptions {
  readonly store: ObjectStore
  /** The run that cleans up: it holds the lease, and its own folder is left alone. */
  readonly backup: BackupRef
  /** What has shown a sign of life within this time stays. */
  readonly graceMs: number
  readonly now: Date
  /** Where staging folders are. @default none are looked for */
  readonly stagingRoot?: string
  readonly signal?: AbortSignal
  readonly logger?: Logger
}

/** A set that retention is about to remove has this file in it, and is retention's to finish. */
const BEING_DELETED = 'retention-deleting.json'

/**
 * Removes what dead runs of the same database left: objects of sets without a manifest, uploads that
 * were never finished, staging folders. Who calls it holds the database's lease, so nothing of a run
 * that goes by the lease is alive; the grace period is for those that do not, and for a run that was
 * suspended for a while. A clean-up that fails fails no backup. Returns what was removed.
 */
export async function cleanUpAfterDeadRuns(options: CleanUpOptions): Promise<string[]> {
  const { stagingRoot, backup, logger, signal } = options
  const attempt = async (what: string, step: () => Promise<string[]>): Promise<string[]> => {
    try {
      return await step()
    } catch (error) {
      signal?.throwIfAborted()
      if (!(isObjectStoreError(error) && error.code === 'STORE_UNSUPPORTED'))
        logger?.warn({ ...backup, reason: errorMessage(error) }, `${what} of dead runs could not be removed`)
      return []
    }
  }
  const all = await Promise.allSettled([
    attempt('objects without a manifest', () => removeOrphans(options)),
    attempt('unfinished uploads', () => abortUploads(options)),
    attempt('staging folders', async () =>
      stagingRoot === undefined ? [] : removeDeadStagingFolders(stagingRoot, backup, options),
    ),
  ])
  signal?.throwIfAborted()
  const removed = all.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  if (removed.length > 0) logger?.info({ ...backup, removed }, 'removed what dead runs left')
  return removed
}

interface SetInStore {
  readonly keys: string[]
  lastSeenMs: number
}

async function removeOrphans({ store, backup, graceMs, now, signal }: CleanUpOptions): Promise<string[]> {
  const prefix = databaseFolder(backup.cluster, backup.database)
  const sets = new Map<string, SetInStore>()
  for await (const { key, lastModified } of store.list({ prefix, signal })) {
    const id = idIn(key, prefix)
    if (id === undefined || id === backup.id) continue
    const set = sets.get(id) ?? { keys: [], lastSeenMs: backupIdTime(id)!.getTime() }
    set.keys.push(key)
    set.lastSeenMs = Math.max(set.lastSeenMs, lastModified.getTime())
    sets.set(id, set)
  }
  const orphans = [...sets]
    .filter(
      ([id, { keys }]) =>
        ![MANIFEST_NAME, BEING_DELETED].some((name) => keys.includes(`${prefix}${id}/${name}`)),
    )
    .filter(([, { lastSeenMs }]) => now.getTime() - lastSeenMs > graceMs)
  const results = await store.delete(
    orphans.flatMap(([, { keys }]) => keys),
    { signal },
  )
  const failed = results.find((result) => !result.deleted)
  if (failed?.deleted === false) throw new Error(failed.message)
  return results.map(({ key }) => key)
}

async function abortUploads({ store, backup, graceMs, now, signal }: CleanUpOptions): Promise<string[]> {
  const prefix = databaseFolder(backup.cluster, backup.database)
  const aborted: string[] = []
  for await (const upload of store.listPendingUploads({ prefix, signal })) {
    const id = idIn(upload.key, prefix)
    if (id === undefined || id === backup.id) continue
    // Some servers report a start that is years old for every upload; the id tells better.
    const lastSeenMs = Math.max(backupIdTime(id)!.getTime(), upload.startedAt.getTime())
    if (now.getTime() - lastSeenMs <= graceMs) continue
    await store.abortPendingUpload(upload, { signal })
    aborted.push(`${upload.key} (upload ${upload.uploadId})`)
  }
  return aborted
}

/** The backup id in a key below a database's folder; `undefined` where there is none. */
function idIn(key: string, prefix: string): string | undefined {
  const [id = ''] = key.slice(prefix.length).split('/')
  return backupIdTime(id) === undefined ? undefined : id
}
