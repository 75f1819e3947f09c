import type { Job } from '@ops/internal-jobs'
import { isBackupError, listBackups, parseIdentities } from '@ops/pg-backup'
import { readRecord, verifyRestore, type TargetOptions } from '@ops/restore-verify'
import type { Config } from '../config.ts'
import { WorkerError } from '../worker-error.ts'
import { scheduleOf, type JobContext } from './context.ts'

/** Proves that the newest backup of one database restores. */
export function drillJob(database: string, context: JobContext): Job {
  const { config, store, env, logger, metrics } = context
  const { cluster, drill } = config
  return {
    kind: 'drill',
    database,
    schedule: scheduleOf(context, drill, `drill ${database}`),
    async doneSince(slot, signal) {
      const newest = (await listBackups({ store, cluster, database, signal })).at(-1)
      const record = newest && (await readRecord(store, newest, signal))
      const drilledAt = record && new Date(record.drills.at(-1)!.finishedAt)
      const isDone = record?.verdict === 'proven' && drilledAt !== undefined && drilledAt >= slot
      return isDone ? drilledAt : undefined
    },
    async run({ signal, onProgress }) {
      const report = await verifyRestore({
        store,
        cluster,
        database,
        target: targetOf(drill),
        identities: drill.identity === undefined ? undefined : parseIdentities(drill.identity),
        maxAgeMs: drill.maxAge,
        maxRecoveryMs: drill.maxRecovery,
        onProgress,
        logger,
        env,
        signal,
      }).catch((error: unknown) => {
        if (!signal.aborted && !isTooEarly(error))
          metrics.drills.record({ backup: { cluster, database }, error })
        throw error
      })
      metrics.drills.record({ report })
      if (report.verdict === 'proven') return
      const { check, object, problem } = report.differences[0] ?? {}
      throw new WorkerError(
        'WORKER_DRILL_DISPROVEN',
        `backup ${report.backup.id} of "${database}" did not come back as it was: ${report.differences.length} differences, such as ${check}: ${object}: ${problem}`,
      )
    },
    judge(error) {
      if (isTooEarly(error)) return 'postponed'
      return error instanceof WorkerError ? 'final' : 'failed'
    },
    gone: () => metrics.drills.forget({ cluster, database }),
  }
}

/** There is no backup yet. */
function isTooEarly(error: unknown): boolean {
  return isBackupError(error) && error.code === 'BACKUP_NOT_FOUND'
}

function targetOf({ target, image, url, password }: Config['drill']): TargetOptions {
  if (target === 'container') return { kind: target, image: image! }
  if (target === 'server')
    return { kind: target, connection: { ...url, password: password ?? url?.password } }
  return { kind: target }
}
