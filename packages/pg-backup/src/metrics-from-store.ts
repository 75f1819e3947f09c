import type { ObjectStore } from '@ops/object-store'
import { newestReadable, type BackupMeasures } from './backup-measures.ts'
import {
  backupFolder,
  backupIdTime,
  backupOfManifestKey,
  databaseOfLeaseKey,
  leaseFolder,
  MANIFEST_NAME,
} from './backup-set.ts'
import { listLease, readLeaseRecord, RELEASED } from './lease-record.ts'
import type { ListedBackup } from './list-backups.ts'
import type { Logger } from './logger.ts'
import { toBackupError } from './store-failure.ts'

/** The last attempt to back one database up that has left a trace: its lease, or a backup. */
export interface StoredAttempt {
  readonly cluster: string
  readonly database: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly inProgress: boolean
  /** Absent while it is in progress. */
  readonly succeeded?: boolean
}

/** What a store had at one moment. */
export interface StoreMetrics {
  /** When the store began to be listed; ISO 8601, UTC. What is newer than this is not in it. */
  readonly asOf: string
  /** The newest good backup of each database that has one. */
  readonly backups: readonly BackupMeasures[]
  readonly attempts: readonly StoredAttempt[]
}

/** Options of {@link metricsFromStore}. */
export interface MetricsFromStoreOptions {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** Only databases of this cluster. @default all */
  readonly cluster?: string
  /** Warned about manifests that cannot be read. @default silent */
  readonly logger?: Logger
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** @default () => new Date() */
  readonly now?: () => Date
}

/** What belongs to one database. */
interface StoredDatabase {
  readonly cluster: string
  readonly database: string
  /** The oldest first. */
  readonly backups: ListedBackup[]
  hasLease: boolean
}

/**
 * The newest backup of each database, and how its last attempt ended, from the manifests and leases
 * in the store alone. A manifest that cannot be read is warned about and passed over: the backup
 * before it is then the newest good one. Rejects with `BACKUP_STORE_FAILED`.
 *
 * @example
 * ```ts
 * import * as client from 'prom-client'
 * import { fileStore } from '@ops/object-store'
 * import { createBackupMetrics, metricsFromStore } from '@ops/pg-backup/prometheus'
 *
 * const registry = new client.Registry()
 * const metrics = createBackupMetrics({ client, registry })
 * metrics.show(await metricsFromStore({ store: fileStore({ folder: '/backups' }) }))
 * console.log(await registry.metrics())
 * ```
 */
export async function metricsFromStore(options: MetricsFromStoreOptions): Promise<StoreMetrics> {
  const { store, signal, now = () => new Date() } = options
  const asOf = now()
  const backups: BackupMeasures[] = []
  const attempts: StoredAttempt[] = []
  try {
    for (const stored of await listDatabases(options)) {
      const newest = await newestReadable(stored.backups, options)
      if (newest !== undefined) backups.push(newest)
      const attempt = await lastAttempt(options, stored, asOf)
      if (attempt !== undefined) attempts.push(attempt)
    }
  } catch (error) {
    throw toBackupError(error, { doing: `reading ${store.url}`, key: store.url, isRead: true, signal })
  }
  return { asOf: asOf.toISOString(), backups, attempts }
}

async function listDatabases({ store, cluster, signal }: MetricsFromStoreOptions): Promise<StoredDatabase[]> {
  const databases = new Map<string, StoredDatabase>()
  for await (const { key } of store.list({ prefix: '', signal })) {
    const backup = backupOfManifestKey(key)
    const names = backup ?? databaseOfLeaseKey(key)
    if (names === undefined || (cluster !== undefined && names.cluster !== cluster)) continue
    const name = JSON.stringify([names.cluster, names.database])
    const { cluster: ofCluster, database } = names
    const stored = databases.get(name) ?? { cluster: ofCluster, database, backups: [], hasLease: false }
    databases.set(name, stored)
    if (backup === undefined) stored.hasLease = true
    else stored.backups.push({ ...backup, startedAt: backupIdTime(backup.id)!.toISOString() })
  }
  for (const { backups } of databases.values()) backups.sort((a, b) => (a.id < b.id ? -1 : 1))
  return [...databases.values()]
}

/** By the lease, which every attempt takes that is not told otherwise; or by a backup that was taken without one since. */
async function lastAttempt(
  { store, signal }: MetricsFromStoreOptions,
  { cluster, database, backups, hasLease }: StoredDatabase,
  now: Date,
): Promise<StoredAttempt | undefined> {
  const newest = backups.at(-1)
  const byBackup = newest && {
    cluster,
    database,
    startedAt: newest.startedAt,
    inProgress: false,
    succeeded: true,
  }
  const last = hasLease ? (await listLease(store, leaseFolder(cluster, database), signal)).at(-1) : undefined
  const record = last && (await readLeaseRecord(store, last.key, signal).catch(() => undefined))?.record
  if (record?.backupId === undefined || (newest !== undefined && newest.startedAt > record.acquiredAt))
    return byBackup
  const attempt = { cluster, database, startedAt: record.acquiredAt }
  const isOver = last?.step === RELEASED || record.isReleased || now > expiryOf(record)
  if (!isOver) return { ...attempt, inProgress: true }
  const manifestKey = `${backupFolder({ cluster, database, id: record.backupId })}${MANIFEST_NAME}`
  const succeeded = (await store.head(manifestKey, { signal })) !== undefined
  return { ...attempt, inProgress: false, succeeded }
}

const CLOCK_SKEW_MS = 30_000

/** What a holder that died left behind counts no longer than for the next run. */
function expiryOf({ expiresAt }: { readonly expiresAt: string }): Date {
  return new Date(Date.parse(expiresAt) + CLOCK_SKEW_MS)
}
