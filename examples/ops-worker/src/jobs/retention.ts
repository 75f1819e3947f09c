import { unescape } from 'node:querystring'
import type { Job } from '@ops/internal-jobs'
import { applyRetention, isRetentionError, planRetention, scanSets } from '@ops/s3-retention'
import type { RetentionPlan, Scan } from '@ops/s3-retention'
import type { RetentionMetrics } from '@ops/s3-retention/prometheus'
import { WorkerError } from '../worker-error.ts'
import type { JobContext } from './context.ts'

/** Deletes what the policy does not keep, whenever there are newer backups than at its last run. */
export function retentionJob(lastBackup: () => number | undefined, context: JobContext): Job {
  const { config, store, logger } = context
  return {
    kind: 'retention',
    after: 'backup',
    schedule: { last: lastBackup, next: () => undefined },
    async run({ signal }) {
      const plan = await planNow(context, signal)
      if (!config.retention.apply) return showRetention(context, { plan })
      const result = await applyRetention(plan, { store, scan: () => scan(context, signal), signal })
      showRetention(context, { plan, result })
      logger.info({ kept: plan.kept, removed: result.deleted, failures: result.failures }, 'retention')
      if (result.failures === 0) return
      const failed = result.items.find(({ outcome }) => outcome === 'failed')
      throw new WorkerError(
        'WORKER_RETENTION_INCOMPLETE',
        `${result.failures} backups could not be removed from ${store.url}, such as ${failed?.id}: ${failed?.detail}`,
      )
    },
  }
}

/** What the policy makes of the backups that there are; of none at all, nothing. */
export async function planNow(context: JobContext, signal: AbortSignal): Promise<RetentionPlan> {
  const { retention, timeZone } = context.config
  const { items } = await scan(context, signal).catch((error: unknown) => {
    if (isRetentionError(error) && error.code === 'RETENTION_NOTHING_FOUND') return { items: [] }
    throw error
  })
  return planRetention(items, retention.policy, { now: new Date(), timeZone })
}

/** Days without a backup are no gap once the database is gone. Names of folders are anybody's: `unescape` bears them all. */
export function showRetention(
  { databases, metrics }: Pick<JobContext, 'databases' | 'metrics'>,
  { plan, result }: Parameters<RetentionMetrics['record']>[0],
): void {
  const isThere = ({ group }: { readonly group: string }): boolean =>
    !databases.isGone(unescape(group.slice(group.lastIndexOf('/') + 1)))
  metrics.retention.record({ plan: { ...plan, gaps: plan.gaps.filter(isThere) }, result })
}

function scan({ config, store }: JobContext, signal: AbortSignal): Promise<Scan> {
  return scanSets({ store, prefix: `${config.cluster}/logical/`, signal })
}
