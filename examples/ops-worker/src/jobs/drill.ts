import { isBackupError, listBackups, parseIdentities } from '@ops/pg-backup'
import { readRecord, verifyRestore, type TargetOptions } from '@ops/restore-verify'
import type { RestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import type { Config } from '../config-schema.ts'
import type { Job } from '../job.ts'
import { cronSchedule } from '../schedule.ts'
import { WorkerError } from '../worker-error.ts'
import type { JobContext } from './context.ts'

/** Proves that the newest backup of one database restores. */
export function drillJob(database: string, metrics: RestoreVerifyMetrics, context: JobContext): Job {
  const { config, store, env, logger } = context
  const { cluster, timeZone, drill } = config
  const { schedule: pattern, jitter: jitterMs, identity, maxAge, maxRecovery } = drill
  return {
    kind: 'drill',
    database,
    schedule: cronSchedule({ pattern, timeZone, jitterMs, name: `drill ${database}` }),
    async doneSince(slot, signal) {
      const newest = (await listBackups({ store, cluster, database, signal })).at(-1)
      const record = newest && (await readRecord(store, newest, signal))
      const drilledAt = record && new Date(record.drills.at(-1)!.finishedAt)
      return record?.verdict === 'proven' && drilledAt !== undefined && drilledAt >= slot
        ? drilledAt
        : undefined
    },
    couldNotRun: (error) => metrics.record({ backup: { cluster, database }, error }),
    async run(signal) {
      const report = await verifyRestore({
        store,
        cluster,
        database,
        target: targetOf(config),
        identities: identity === undefined ? undefined : parseIdentities(identity),
        maxAgeMs: maxAge,
        maxRecoveryMs: maxRecovery,
        onProgress: (progress) => context.activity.progress({ kind: 'drill', database }, progress),
        logger,
        env,
        signal,
      }).catch((error: unknown) => {
        if (isBackupError(error) && error.code === 'BACKUP_NOT_FOUND')
          throw new WorkerError('WORKER_NOTHING_TO_DRILL', error.message, { cause: error })
        if (signal?.aborted !== true) metrics.record({ backup: { cluster, database }, error })
        throw error
      })
      metrics.record({ report })
      if (report.verdict === 'proven') return
      const { check, object, problem } = report.differences[0] ?? {}
      throw new WorkerError(
        'WORKER_DRILL_DISPROVEN',
        `backup ${report.backup.id} of "${database}" did not come back as it was: ${report.differences.length} differences, such as ${check}: ${object}: ${problem}`,
      )
    },
  }
}

function targetOf({ drill: { target, image, url, password } }: Config): TargetOptions {
  if (target === 'container') return { kind: target, image: image! }
  if (target === 'server')
    return { kind: target, connection: { ...url, password: password ?? url?.password } }
  return { kind: target }
}
