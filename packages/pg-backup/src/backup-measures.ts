import type { ObjectStore } from '@ops/object-store'
import { isBackupError } from './backup-error.ts'
import type { ListedBackup } from './list-backups.ts'
import type { Logger } from './logger.ts'
import { manifestTotals } from './manifest-totals.ts'
import { readManifest, type Manifest } from './manifest.ts'

/** One backup as numbers. */
export interface BackupMeasures {
  readonly cluster: string
  readonly database: string
  readonly id: string
  /** When it was finished; ISO 8601, UTC. */
  readonly finishedAt: string
  readonly durationSeconds: number
  readonly rawBytes: number
  readonly storedBytes: number
  /** Absent when the rows were not counted. */
  readonly rows?: number
}

/** The numbers of one backup. */
export function measures(manifest: Manifest): BackupMeasures {
  const { cluster, database, id, finishedAt } = manifest
  const { durationMs, rawBytes, storedBytes, rows } = manifestTotals(manifest)
  return {
    cluster,
    database,
    id,
    finishedAt,
    durationSeconds: durationMs / 1000,
    rawBytes,
    storedBytes,
    rows,
  }
}

/** The newest of these backups (they come with the oldest first) whose manifest can be read. */
export async function newestReadable(
  backups: readonly ListedBackup[],
  { store, logger, signal }: { store: ObjectStore; logger?: Logger; signal?: AbortSignal },
): Promise<BackupMeasures | undefined> {
  for (const backup of backups.toReversed()) {
    try {
      return measures(await readManifest({ store, backup, signal }))
    } catch (error) {
      if (!isBackupError(error) || error.code === 'BACKUP_STORE_FAILED') throw error
      logger?.warn({ ...backup, code: error.code }, error.message)
    }
  }
  return undefined
}
