import { listBackups } from '@ops/pg-backup'
import { metricsFromStore, type BackupMetrics } from '@ops/pg-backup/prometheus'
import { isRestoreVerifyError, readReport } from '@ops/restore-verify'
import type { RestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import type { RetentionMetrics } from '@ops/s3-retention/prometheus'
import { cronSchedule } from '../schedule.ts'
import type { Job, JobRecord } from '../job.ts'
import type { JobContext } from './context.ts'
import { planOf, scanBackups } from './retention.ts'

export interface InventoryMetrics {
  readonly backups: BackupMetrics
  readonly drills: RestoreVerifyMetrics
  readonly retention: RetentionMetrics
}

/** Shows what is in the store, whoever put it there: after a restart, and what other workers do. */
export function inventoryJob(
  metrics: InventoryMetrics,
  lastRetention: () => Promise<JobRecord | undefined>,
  context: JobContext,
): Job {
  const { config, store, logger } = context
  const { cluster, databases, timeZone } = config
  return {
    kind: 'inventory',
    isLocal: true,
    schedule: cronSchedule({ pattern: config.inventory.schedule, timeZone, jitterMs: 0, name: 'inventory' }),
    async run(signal) {
      metrics.backups.show(await metricsFromStore({ store, cluster, logger, signal }))
      for (const database of databases) await showDrills(database, signal)
      const plan = planOf(await scanBackups(context, signal), context)
      const cleanedAt = (await lastRetention())?.lastSuccessAt
      metrics.retention.record(
        cleanedAt === undefined ? { plan } : { plan: { ...plan, now: cleanedAt }, result: NOTHING_DONE },
      )
    },
  }

  /** From the newest backup back to one that was proven. */
  async function showDrills(database: string, signal: AbortSignal | undefined): Promise<void> {
    for (const backup of (await listBackups({ store, cluster, database, signal })).toReversed()) {
      const report = await readReport(store, backup, signal).catch((error: unknown) => {
        if (!isRestoreVerifyError(error)) throw error
        logger.warn({ ...backup, reason: error.message }, 'the report of a drill cannot be read')
        return undefined
      })
      if (report === undefined) continue
      metrics.drills.record({ report })
      if (report.verdict === 'proven') return
    }
  }
}

const NOTHING_DONE = { items: [], keys: [], deleted: { items: 0, bytes: 0 }, failures: 0 }
