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
}

/** The part of `prom-client`, or of `@prometheus-io/client`, that is used. Pass the whole module. */
export interface MetricsClient<Registry> {
  readonly Gauge: new (options: GaugeOptions<Registry>) => Gauge
}

export interface RestoreVerifyMetricsOptions<Registry> {
  readonly client: MetricsClient<Registry>
  /** A registry of the same client. */
  readonly registry: Registry
}

/** What came of a drill: its report, or that it could not be run. */
export type DrillOutcome =
  | { readonly report: VerificationReport }
  | { readonly backup: Pick<BackupRef, 'cluster' | 'database'>; readonly error: unknown; readonly at?: Date }

export interface RestoreVerifyMetrics {
  /** Shows the outcome of a drill; a report that is older than the one shown is left alone. */
  record(outcome: DrillOutcome): void
}

/**
 * Registers the `ops_restore_verify_…` metrics on a registry, by `cluster` and `database`. They show the
 * last drill that was recorded; after a restart, record the stored report (`readReport`) again.
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
  const shown = new Map<string, number>()

  /** False when a later one is shown already. */
  function begin(of: Pick<BackupRef, 'cluster' | 'database'>, at: number): Labels | undefined {
    const labels = { cluster: of.cluster, database: of.database }
    const key = JSON.stringify(labels)
    if ((shown.get(key) ?? -Infinity) > at) return undefined
    shown.set(key, at)
    lastAttempt.set(labels, at)
    return labels
  }

  return {
    record(outcome) {
      if (!('report' in outcome)) {
        const labels = begin(outcome.backup, (outcome.at ?? new Date()).getTime() / 1000)
        if (labels !== undefined) succeeded.set(labels, 0)
        return
      }
      const { report } = outcome
      const at = Date.parse(report.finishedAt) / 1000
      const labels = begin(report.backup, at)
      if (labels === undefined) return
      succeeded.set(labels, report.verdict === 'proven' ? 1 : 0)
      if (report.verdict === 'proven') lastSuccess.set(labels, at)
      for (const { phase, durationMs } of report.phases)
        duration.set({ ...labels, phase: phase.replaceAll(' ', '_') }, durationMs / 1000)
      rows.set(labels, report.totals.rows)
      tables.set(labels, report.totals.tables)
      mismatches.set(labels, report.differences.length)
    },
  }
}
