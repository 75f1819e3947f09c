import {
  applyRetention,
  isRetentionError,
  planRetention,
  scanSets,
  type RetentionItem,
  type RetentionPlan,
  type Scan,
} from '@ops/s3-retention'
import type { RetentionMetrics } from '@ops/s3-retention/prometheus'
import type { Job } from '../job.ts'
import { WorkerError } from '../worker-error.ts'
import type { JobContext } from './context.ts'

/** Deletes what the policy does not keep, whenever there are newer backups than at its last run. */
export function retentionJob(
  lastBackup: () => number | undefined,
  metrics: RetentionMetrics,
  context: JobContext,
): Job {
  const { config, store, logger } = context
  return {
    kind: 'retention',
    after: 'backup',
    schedule: { last: lastBackup, next: () => undefined },
    async run(signal) {
      const plan = planOf(await scanBackups(context, signal), context)
      if (!config.retention.apply) return metrics.record({ plan })
      const result = await applyRetention(plan, { store, scan: () => scan(context, signal), signal })
      metrics.record({ plan, result })
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

/** What is there; nothing at all is no error. */
export async function scanBackups(
  context: JobContext,
  signal: AbortSignal | undefined,
): Promise<readonly RetentionItem[]> {
  try {
    return (await scan(context, signal)).items
  } catch (error) {
    if (isRetentionError(error) && error.code === 'RETENTION_NOTHING_FOUND') return []
    throw error
  }
}

export function planOf(items: readonly RetentionItem[], { config }: JobContext): RetentionPlan {
  const { retention, timeZone } = config
  return planRetention(items, retention.policy, { now: new Date(), timeZone })
}

function scan({ config, store }: JobContext, signal: AbortSignal | undefined): Promise<Scan> {
  return scanSets({ store, prefix: `${config.cluster}/logical/`, signal })
}
