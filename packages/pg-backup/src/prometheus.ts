/** The metrics of backups on a registry of prom-client or @prometheus-io/client, which is passed in. */
import { backupErrorCodes } from './backup-error.ts'
import type { BackupFailureCode, BackupHooks } from './hooks.ts'
import { measures, type BackupMeasures } from './backup-measures.ts'
import type { StoreMetrics } from './metrics-from-store.ts'

export type { BackupMeasures } from './backup-measures.ts'
export { metricsFromStore, type MetricsFromStoreOptions, type StoreMetrics } from './metrics-from-store.ts'

type Labels = Record<string, string>

interface MetricOptions<Registry> {
  name: string
  help: string
  labelNames: string[]
  registers: Registry[]
}

interface Gauge {
  set(labels: Labels, value: number): void
  inc(labels: Labels, value: number): void
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

export interface BackupMetricsOptions<Registry> {
  readonly client: MetricsClient<Registry>
  /** A registry of the same client. */
  readonly registry: Registry
}

/** Hooks for `createBackup`, and a way to show what is in a store. */
export interface BackupMetrics extends Required<BackupHooks> {
  /**
   * Shows what `metricsFromStore` found. Databases that it did not find disappear, unless a backup
   * of theirs was finished here after the store was listed.
   */
  show(found: StoreMetrics): void
}

const FAILURE_CODES: readonly BackupFailureCode[] = [...backupErrorCodes, 'ABORTED', 'UNKNOWN']

/** Registers the `ops_backup_…` metrics on a registry; one series for each database (and code). */
export function createBackupMetrics<Registry>({
  client,
  registry,
}: BackupMetricsOptions<Registry>): BackupMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string): Gauge =>
    new client.Gauge({ name: `ops_backup_${name}`, help, labelNames: ['cluster', 'database'], registers })

  const lastSuccess = gauge('last_success_timestamp_seconds', 'When the newest good backup was finished.')
  const lastAttempt = gauge('last_attempt_timestamp_seconds', 'When the last attempt in this process began.')
  const lastAttemptSuccess = gauge(
    'last_attempt_success',
    'Whether the last attempt in this process that has ended was a success.',
  )
  const duration = gauge('duration_seconds', 'How long the newest good backup took.')
  const rawBytes = gauge('raw_bytes', 'Size of the newest good backup before compression.')
  const storedBytes = gauge('stored_bytes', 'Size of the newest good backup in the store.')
  const rows = gauge('rows', 'Rows in the newest good backup; absent when they were not counted.')
  const inProgress = gauge('in_progress', 'Backups that run in this process now.')
  const failures = new client.Counter({
    name: 'ops_backup_failures_total',
    help: 'Attempts in this process that failed, by error code.',
    labelNames: ['cluster', 'database', 'code'],
    registers,
  })

  /** The newest good backup that is shown, by database. */
  const shown = new Map<string, BackupMeasures>()
  const showNewest = (backup: BackupMeasures): void => {
    const { cluster, database } = backup
    const labels = { cluster, database }
    shown.set(seriesOf(backup), backup)
    lastSuccess.set(labels, Date.parse(backup.finishedAt) / 1000)
    duration.set(labels, backup.durationSeconds)
    rawBytes.set(labels, backup.rawBytes)
    storedBytes.set(labels, backup.storedBytes)
    if (backup.rows === undefined) rows.remove(labels)
    else rows.set(labels, backup.rows)
  }
  const forget = ({ cluster, database }: BackupMeasures): void => {
    const labels = { cluster, database }
    shown.delete(seriesOf(labels))
    for (const each of [lastSuccess, duration, rawBytes, storedBytes, rows]) each.remove(labels)
  }

  return {
    onStart({ cluster, database, startedAt }) {
      const labels = { cluster, database }
      lastAttempt.set(labels, Date.parse(startedAt) / 1000)
      inProgress.inc(labels, 1)
      // There from the start, so that the first failure is an increase.
      for (const code of FAILURE_CODES) failures.inc({ ...labels, code }, 0)
    },
    onSuccess({ cluster, database, result }) {
      const labels = { cluster, database }
      inProgress.inc(labels, -1)
      lastAttemptSuccess.set(labels, 1)
      showNewest(measures(result.manifest))
    },
    onFailure({ cluster, database, code }) {
      const labels = { cluster, database }
      inProgress.inc(labels, -1)
      lastAttemptSuccess.set(labels, 0)
      failures.inc({ ...labels, code }, 1)
    },
    show({ asOf, backups }) {
      const isOutdated = (backup: BackupMeasures): boolean => isBefore(backup.finishedAt, asOf)
      const found = new Set(backups.map(seriesOf))
      for (const backup of shown.values()) {
        if (!found.has(seriesOf(backup)) && isOutdated(backup)) forget(backup)
      }
      for (const backup of backups) {
        const present = shown.get(seriesOf(backup))
        const isNews =
          present === undefined || isOutdated(present) || isBefore(present.finishedAt, backup.finishedAt)
        if (isNews) showNewest(backup)
      }
    },
  }
}

function isBefore(one: string, other: string): boolean {
  return Date.parse(one) < Date.parse(other)
}

function seriesOf({ cluster, database }: { cluster: string; database: string }): string {
  return JSON.stringify([cluster, database])
}
