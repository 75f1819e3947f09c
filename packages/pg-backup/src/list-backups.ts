import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupIdTime, backupOfManifestKey, databaseFolder, type BackupRef } from './backup-set.ts'
import { toBackupError } from './store-failure.ts'

/** Options of {@link listBackups}. */
export interface ListBackupsOptions {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** Only backups of this cluster. @default all */
  readonly cluster?: string
  /** Only backups of this database; needs `cluster`. @default all */
  readonly database?: string
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** A published backup. */
export interface ListedBackup extends BackupRef {
  /** When it was started, from its id; ISO 8601, UTC. */
  readonly startedAt: string
}

/**
 * The published backups, the oldest first; folders without a manifest are none. Rejects with `BACKUP_STORE_FAILED`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { listBackups } from '@ops/pg-backup'
 *
 * const backups = await listBackups({ store: fileStore({ folder: '/backups' }), cluster: 'main' })
 * for (const { database, id } of backups) console.log(database, id)
 * ```
 */
export async function listBackups(options: ListBackupsOptions): Promise<ListedBackup[]> {
  const { store, cluster, database, signal } = options
  if (cluster === undefined && database !== undefined) {
    throw new BackupError('BACKUP_BAD_OPTIONS', 'to list the backups of one database, name its cluster too')
  }
  const prefix = cluster !== undefined && database !== undefined ? databaseFolder(cluster, database) : ''
  const found: ListedBackup[] = []
  try {
    for await (const { key } of store.list({ prefix, signal })) {
      const backup = backupOfManifestKey(key)
      if (backup === undefined || (cluster !== undefined && backup.cluster !== cluster)) continue
      found.push({ ...backup, startedAt: backupIdTime(backup.id)!.toISOString() })
    }
  } catch (error) {
    throw toBackupError(error, { doing: `listing ${store.url}`, key: prefix, signal })
  }
  return found.toSorted((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)))
}

/** Options of {@link findBackup}. */
export interface FindBackupOptions {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** @default 'main' */
  readonly cluster?: string
  /** The database that was backed up. */
  readonly database: string
  /** An id, or `latest`. */
  readonly id: string
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * One backup by its id, or the latest of its database. Rejects with `BACKUP_NOT_FOUND`, saying what there is.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const { id, startedAt } = await findBackup({ store, database: 'app', id: 'latest' })
 * console.log(id, startedAt)
 * ```
 */
export async function findBackup(options: FindBackupOptions): Promise<ListedBackup> {
  const { store, cluster = 'main', database, id, signal } = options
  const backups = await listBackups({ store, cluster, database, signal })
  const backup = id === 'latest' ? backups.at(-1) : backups.find((each) => each.id === id)
  if (backup !== undefined) return backup
  const what = id === 'latest' ? 'no backup' : `no backup ${id}`
  const latest = backups.at(-1)
  const others =
    latest === undefined ? 'there is none at all' : `the latest of ${backups.length} is ${latest.id}`
  throw new BackupError(
    'BACKUP_NOT_FOUND',
    `${what} of database "${database}" in cluster "${cluster}" in ${store.url}: ${others}`,
    {
      details: { database },
    },
  )
}
