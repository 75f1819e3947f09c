import type { ObjectStore } from '@ops/object-store'
import { newestReadable, type BackupMeasures } from './backup-measures.ts'
import { listBackups } from './list-backups.ts'
import type { Logger } from './logger.ts'

/** What a store had at one moment. */
export interface StoreMetrics {
  /** When the store began to be listed; ISO 8601, UTC. What is newer than this is not in it. */
  readonly asOf: string
  /** One of each database that has a backup. */
  readonly backups: readonly BackupMeasures[]
}

export interface MetricsFromStoreOptions {
  readonly store: ObjectStore
  /** Only databases of this cluster. @default all */
  readonly cluster?: string
  /** Warned about manifests that cannot be read. @default silent */
  readonly logger?: Logger
  readonly signal?: AbortSignal
  /** @default () => new Date() */
  readonly now?: () => Date
}

/**
 * The newest backup of each database, from the manifests in the store alone. A manifest that cannot
 * be read is warned about and passed over: the backup before it is then the newest good one.
 * Rejects with `BACKUP_STORE_FAILED`.
 */
export async function metricsFromStore(options: MetricsFromStoreOptions): Promise<StoreMetrics> {
  const { store, cluster, signal, now = () => new Date() } = options
  const asOf = now().toISOString()
  const listed = await listBackups({ store, cluster, signal })
  const databases = Map.groupBy(listed, (backup) => JSON.stringify([backup.cluster, backup.database]))
  const backups: BackupMeasures[] = []
  for (const ofDatabase of databases.values()) {
    const newest = await newestReadable(ofDatabase, options)
    if (newest !== undefined) backups.push(newest)
  }
  return { asOf, backups }
}
