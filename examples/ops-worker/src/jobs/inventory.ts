import type { Job, JobRecord } from '@ops/internal-jobs'
import { listBackups } from '@ops/pg-backup'
import { metricsFromStore } from '@ops/pg-backup/prometheus'
import { isRestoreVerifyError, readReport } from '@ops/restore-verify'
import { scheduleOf, type JobContext } from './context.ts'
import { planNow, showRetention } from './retention.ts'

/**
 * Shows what is in the store, whoever put it there: after a restart, and what other workers do. Of databases
 * that are gone backups stay, and grow old; nobody is to be told of that.
 */
export function inventoryJob(lastRetention: () => Promise<JobRecord | undefined>, context: JobContext): Job {
  const { config, store, databases, logger, metrics } = context
  const { cluster, inventory } = config
  return {
    kind: 'inventory',
    isLocal: true,
    schedule: scheduleOf(context, inventory, 'inventory'),
    async run({ signal }) {
      const found = await metricsFromStore({ store, cluster, logger, signal })
      const isThere = ({ database }: { readonly database: string }): boolean => !databases.isGone(database)
      metrics.backups.show({
        ...found,
        backups: found.backups.filter(isThere),
        attempts: found.attempts.filter(isThere),
      })
      for (const database of databases.list()) await showDrills(database, signal)
      const plan = await planNow(context, signal)
      const cleanedAt = (await lastRetention())?.lastSuccessAt
      showRetention(
        context,
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
