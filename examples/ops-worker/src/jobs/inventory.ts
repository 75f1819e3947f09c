import type { Job, JobRecord } from '@ops/internal-jobs'
import { listBackups } from '@ops/pg-backup'
import { metricsFromStore } from '@ops/pg-backup/prometheus'
import { isRestoreVerifyError, readReport } from '@ops/restore-verify'
import { scheduleOf, type JobContext } from './context.ts'
import { planNow } from './retention.ts'

export interface InventoryOptions {
  readonly databases: () => readonly string[]
  /** Of whichever worker. */
  readonly lastRetention: () => Promise<JobRecord | undefined>
}

/** Shows what is in the store, whoever put it there: after a restart, and what other workers do. */
export function inventoryJob({ databases, lastRetention }: InventoryOptions, context: JobContext): Job {
  const { config, store, logger, metrics } = context
  const { cluster, inventory } = config
  return {
    kind: 'inventory',
    isLocal: true,
    schedule: scheduleOf(context, inventory, 'inventory'),
    async run({ signal }) {
      metrics.backups.show(await metricsFromStore({ store, cluster, logger, signal }))
      for (const database of databases()) await showDrills(database, signal)
      const plan = await planNow(context, signal)
      const cleanedAt = (await lastRetention())?.lastSuccessAt
      metrics.retention.record(
        cleanedAt === undefined ? { plan } : { plan: { ...plan, now: cleanedAt }, result: NOTHING_DONE },
      )
    },
  }

  /** From the newest backup back to one that was proven. */
  async function showDrills(database: string, signal: AbortSignal): Promise<void> {
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
