/**
 * The metrics of backups on a registry of prom-client or @prometheus-io/client, which is passed in.
 * @module @ops/pg-backup/prometheus
 */
import { backupErrorCodes } from './backup-error.ts'
import type { BackupFailureCode, BackupHooks } from './hooks.ts'
import { measures, type BackupMeasures } from './backup-measures.ts'
import type { StoreMetrics } from './metrics-from-store.ts'

export type { BackupMeasures } from './backup-measures.ts'
export {
  metricsFromStore,
  type MetricsFromStoreOptions,
  type StoredAttempt,
  type StoreMetrics,
} from './metrics-from-store.ts'

type Labels = Record<string, string>

interface MetricOptions<Registry> {
  name: string
  help: string
  labelNames: string[]
  registers: Registry[]
}

interface Gauge {
  set(labels: Labels, value: number): void
  remove(labels: Labels): void
}

interface Counter {
  inc(labels: Labels, value: number): void
}

/** The part of `prom-client`, or of `@prometheus-io/client`, that is used. Pass the whole module. */
export interface MetricsClient<Registry> {
  readonly Gauge: new (options: MetricOptions<Registry>) => Gauge
  readonly Counter: new (options: MetricOptions<Registry>) => Counter
}

/** Options of {@link createBackupMetrics}. */
export interface BackupMetricsOptions<Registry> {
  /** The module `prom-client` or `@prometheus-io/client`, whose classes make the metrics. */
  readonly client: MetricsClient<Registry>
  /** A registry of the same client. */
  readonly registry: Registry
}

/** Hooks for `createBackup`, and a way to show what is in a store. */
export interface BackupMetrics extends Required<BackupHooks> {
  /**
   * Shows what `metricsFromStore` found, and nothing else: databases that it did not find disappear.
   * Of a database that was backed up in this process since the store was listed, nothing changes; and the
   * last attempt of this process stays until the store has a later one, for not every failure leaves a trace there.
   */
  show(found: StoreMetrics): void
  /** Takes away what is shown of a database that is no longer backed up; its counters stay. */
  forget(database: { readonly cluster: string; readonly database: string }): void
}

type Database = Pick<BackupMeasures, 'cluster' | 'database'>

/** What this process knows of a database. */
interface Known {
  readonly labels: Labels
  running: number
  /** When a backup of it began or ended here, in ms. */
  changedAt: number
  /** When the last attempt here began, in ms. */
  attemptedAt: number | undefined
}

const FAILURE_CODES: readonly BackupFailureCode[] = [...backupErrorCodes, 'ABORTED', 'UNKNOWN']

/**
 * Registers the `ops_backup_…` metrics on a registry; one series for each database (and code).
 *
 * @example
 * ```ts
 * import * as client from 'prom-client'
 * import { fileStore } from '@ops/object-store'
 * import { createBackup } from '@ops/pg-backup'
 * import { createBackupMetrics } from '@ops/pg-backup/prometheus'
 *
 * const registry = new client.Registry()
 * const metrics = createBackupMetrics({ client, registry })
 * await createBackup({ store: fileStore({ folder: '/backups' }), hooks: [metrics] })
 * console.log(await registry.metrics())
 * ```
 */
export function createBackupMetrics<Registry>({
  client,
  registry,
}: BackupMetricsOptions<Registry>): BackupMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string): Gauge =>
    new client.Gauge({ name: `ops_backup_${name}`, help, labelNames: ['cluster', 'database'], registers })

  const lastSuccess = gauge('last_success_timestamp_seconds', 'When the newest good backup was finished.')
  const lastAttempt = gauge('last_attempt_timestamp_seconds', 'When the last attempt began.')
  const lastAttemptSuccess = gauge(
    'last_attempt_success',
    'Whether the last attempt that has ended was a success.',
  )
  const duration = gauge('duration_seconds', 'How long the newest good backup took.')
  const rawBytes = gauge('raw_bytes', 'Size of the newest good backup before compression.')
  const storedBytes = gauge('stored_bytes', 'Size of the newest good backup in the store.')
  const rows = gauge('rows', 'Rows in the newest good backup; absent when they were not counted.')
  const inProgress = gauge('in_progress', 'Backups that run now.')
  const failures = new client.Counter({
    name: 'ops_backup_failures_total',
    help: 'Attempts in this process that failed, by error code.',
    labelNames: ['cluster', 'database', 'code'],
    registers,
  })

  const ofNewest = [lastSuccess, duration, rawBytes, storedBytes, rows]
  const ofAttempt = [lastAttempt, lastAttemptSuccess, inProgress]
  const all = new Map<string, Known>()
  const nameOf = ({ cluster, database }: Database): string => JSON.stringify([cluster, database])
  const known = ({ cluster, database }: Database): Known => {
    const name = nameOf({ cluster, database })
    const each = all.get(name) ?? {
      labels: { cluster, database },
      running: 0,
      changedAt: 0,
      attemptedAt: undefined,
    }
    all.set(name, each)
    return each
  }
  const changed = (database: Database & { readonly startedAt: string }, running: -1 | 1): Labels => {
    const each = known(database)
    each.attemptedAt = Date.parse(database.startedAt)
    // A failure without a start: the list of databases could not be read.
    each.running = Math.max(0, each.running + running)
    each.changedAt = Date.now()
    inProgress.set(each.labels, each.running)
    return each.labels
  }
  const showNewest = (backup: BackupMeasures): void => {
    const { labels } = known(backup)
    lastSuccess.set(labels, Date.parse(backup.finishedAt) / 1000)
    duration.set(labels, backup.durationSeconds)
    rawBytes.set(labels, backup.rawBytes)
    storedBytes.set(labels, backup.storedBytes)
    if (backup.rows === undefined) rows.remove(labels)
    else rows.set(labels, backup.rows)
  }

  return {
    onStart(attempt) {
      const labels = changed(attempt, 1)
      lastAttempt.set(labels, Date.parse(attempt.startedAt) / 1000)
      // There from the start, so that the first failure is an increase.
      for (const code of FAILURE_CODES) failures.inc({ ...labels, code }, 0)
    },
    onSuccess(success) {
      lastAttemptSuccess.set(changed(success, -1), 1)
      showNewest(measures(success.result.manifest))
    },
    onFailure(failure) {
      const labels = changed(failure, -1)
      lastAttemptSuccess.set(labels, 0)
      failures.inc({ ...labels, code: failure.code }, 1)
    },
    show({ asOf, backups, attempts }) {
      const isOlder = (database: Database): boolean => known(database).changedAt < Date.parse(asOf)
      for (const { labels, running, changedAt, attemptedAt } of all.values()) {
        if (changedAt >= Date.parse(asOf) || running > 0) continue
        for (const each of ofNewest) each.remove(labels)
        if (attemptedAt !== undefined) continue
        for (const each of ofAttempt) each.remove(labels)
      }
      for (const backup of backups.filter(isOlder)) showNewest(backup)
      for (const attempt of attempts.filter(isOlder)) {
        const { labels, running, attemptedAt = -Infinity } = known(attempt)
        if (Date.parse(attempt.startedAt) < attemptedAt) continue
        lastAttempt.set(labels, Date.parse(attempt.startedAt) / 1000)
        inProgress.set(labels, Math.max(running, Number(attempt.inProgress)))
        if (attempt.succeeded !== undefined) lastAttemptSuccess.set(labels, Number(attempt.succeeded))
      }
    },
    forget({ cluster, database }) {
      all.delete(nameOf({ cluster, database }))
      for (const each of [...ofNewest, ...ofAttempt]) each.remove({ cluster, database })
    },
  }
}
