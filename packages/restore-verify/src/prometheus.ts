/**
 * What became of drills as metrics, on a registry that is passed in.
 * @module @ops/restore-verify/prometheus
 */
import type { BackupRef } from '@ops/pg-backup'
import type { VerificationReport } from './report.ts'

type Labels = Record<string, string>

interface GaugeOptions<Registry> {
  name: string
  help: string
  labelNames: string[]
  registers: Registry[]
}

interface Gauge {
  set(labels: Labels, value: number): void
  remove(labels: Labels): void
}

/** The part of `prom-client`, or of `@prometheus-io/client`, that is used. Pass the whole module. */
export interface MetricsClient<Registry> {
  readonly Gauge: new (options: GaugeOptions<Registry>) => Gauge
}

/** Options of {@link createRestoreVerifyMetrics}. */
export interface RestoreVerifyMetricsOptions<Registry> {
  /** The module `prom-client` or `@prometheus-io/client`, whose classes make the metrics. */
  readonly client: MetricsClient<Registry>
  /** A registry of the same client. */
  readonly registry: Registry
}

/** What came of a drill: its report, or that it could not be run. */
export type DrillOutcome =
  | { readonly report: VerificationReport }
  | { readonly backup: Pick<BackupRef, 'cluster' | 'database'>; readonly error: unknown; readonly at?: Date }

/** Metrics that show the last drill of each database. */
export interface RestoreVerifyMetrics {
  /** Shows the outcome of a drill; one that is older than what is shown only counts as a success. */
  record(outcome: DrillOutcome): void
  /** Takes away what is shown of a database that is no longer drilled. */
  forget(database: Pick<BackupRef, 'cluster' | 'database'>): void
}

/**
 * Registers the `ops_restore_verify_…` metrics on a registry, by `cluster` and `database`. They show the
 * last drill that was recorded; after a restart, record the stored report (`readReport`) again.
 *
 * @example
 * ```ts
 * import * as client from 'prom-client'
 * import { fileStore } from '@ops/object-store'
 * import { verifyRestore } from '@ops/restore-verify'
 * import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
 *
 * const registry = new client.Registry()
 * const metrics = createRestoreVerifyMetrics({ client, registry })
 * const backup = { cluster: 'main', database: 'app' }
 * try {
 *   metrics.record({ report: await verifyRestore({ store: fileStore({ folder: '/backups' }), ...backup }) })
 * } catch (error) {
 *   metrics.record({ backup, error })
 * }
 * console.log(await registry.metrics())
 * ```
 */
export function createRestoreVerifyMetrics<Registry>({
  client,
  registry,
}: RestoreVerifyMetricsOptions<Registry>): RestoreVerifyMetrics {
  const gauge = (name: string, help: string, more: string[] = []): Gauge =>
    new client.Gauge({
      name: `ops_restore_verify_${name}`,
      help,
      labelNames: ['cluster', 'database', ...more],
      registers: [registry],
    })
  const lastSuccess = gauge('last_success_timestamp_seconds', 'When a drill last proved a backup.')
  const lastAttempt = gauge('last_attempt_timestamp_seconds', 'When a drill last ended, however it did.')
  const succeeded = gauge('last_attempt_success', 'Whether the last drill proved its backup.')
  const duration = gauge('duration_seconds', 'What each phase of the last drill took.', ['phase'])
  const rows = gauge('rows', 'Rows in the backup that was drilled last.')
  const tables = gauge('tables', 'Tables in the backup that was drilled last.')
  const mismatches = gauge('mismatches', 'Differences that the last drill found.')
  const [attempts, successes] = [new Map<string, number>(), new Map<string, number>()]
  const phases = new Set<string>()

  /** Whether `at` is later than what is shown, and then shows it. */
  function isNews(shown: Map<string, number>, timestamp: Gauge, labels: Labels, at: number): boolean {
    const key = JSON.stringify(labels)
    if ((shown.get(key) ?? -Infinity) >= at) return false
    shown.set(key, at)
    timestamp.set(labels, at)
    return true
  }

  return {
    record(outcome) {
      const { cluster, database } = 'report' in outcome ? outcome.report.backup : outcome.backup
      const labels = { cluster, database }
      if (!('report' in outcome)) {
        const failedAt = (outcome.at ?? new Date()).getTime() / 1000
        if (isNews(attempts, lastAttempt, labels, failedAt)) succeeded.set(labels, 0)
        return
      }
      const { report } = outcome
      const at = Date.parse(report.finishedAt) / 1000
      if (report.verdict === 'proven') isNews(successes, lastSuccess, labels, at)
      if (!isNews(attempts, lastAttempt, labels, at)) return
      succeeded.set(labels, report.verdict === 'proven' ? 1 : 0)
      for (const { phase: words, durationMs } of report.phases) {
        const phase = words.replaceAll(' ', '_')
        phases.add(phase)
        duration.set({ ...labels, phase }, durationMs / 1000)
      }
      rows.set(labels, report.totals.rows)
      tables.set(labels, report.totals.tables)
      mismatches.set(labels, report.differences.length)
    },
    forget({ cluster, database }) {
      const labels = { cluster, database }
      for (const shown of [attempts, successes]) shown.delete(JSON.stringify(labels))
      for (const each of [lastSuccess, lastAttempt, succeeded, rows, tables, mismatches]) each.remove(labels)
      for (const phase of phases) duration.remove({ ...labels, phase })
    },
  }
}
