import { errorMessage } from '@ops/internal-error'
import type { Job, JobRecord } from '@ops/internal-jobs'
import { createBackup, listBackups, type BackupFailure, type BackupHooks } from '@ops/pg-backup'
import { scheduleOf, type JobContext } from './context.ts'
import { createNotifier } from './notify.ts'

/** Backs one database up. */
export function backupJob(database: string, context: JobContext): Job {
  const { config, store, env, logger, metrics } = context
  const { cluster, postgres, backup, lease, webhook } = config
  const notifier = webhook && createNotifier(webhook)
  const hooksOf = (before: JobRecord | undefined): BackupHooks[] => [
    metrics.backups,
    ...(notifier === undefined ? [] : [notifier(before)]),
  ]
  const tell = async (hook: BackupHooks, failure: BackupFailure): Promise<void> => {
    const { signal } = new AbortController()
    try {
      await hook.onStart?.(failure, { signal })
      await hook.onFailure?.(failure, { signal })
    } catch (error) {
      logger.warn({ database, reason: errorMessage(error) }, 'a hook failed, which the job does not mind')
    }
  }
  return {
    kind: 'backup',
    database,
    schedule: scheduleOf(context, backup, `backup ${database}`),
    async doneSince(slot, signal) {
      const newest = (await listBackups({ store, cluster, database, signal })).at(-1)
      const startedAt = newest && new Date(newest.startedAt)
      return startedAt !== undefined && startedAt >= slot ? startedAt : undefined
    },
    async run({ before, signal, onProgress }) {
      const canLease = (await store.capabilities({ signal })).putIfAbsent
      await createBackup({
        store,
        cluster,
        connection: { ...postgres, database },
        jobs: backup.jobs,
        globals: backup.globals,
        encryption: backup.recipients && { recipients: backup.recipients },
        // A worker that died holds it a little longer; so may somebody who backs up by hand.
        lease: canLease ? { ...lease, waitMs: lease.ttlMs + lease.clockSkewMs } : undefined,
        hooks: hooksOf(before),
        onProgress,
        logger,
        env,
        signal,
      })
    },
    // Nobody else tells the hooks of a store that is away: there was no attempt to back up.
    couldNotRun(error, { before }) {
      const startedAt = new Date().toISOString()
      for (const hook of hooksOf(before))
        void tell(hook, { cluster, database, startedAt, code: 'BACKUP_STORE_FAILED', error, durationMs: 0 })
    },
    gone: () => metrics.backups.forget({ cluster, database }),
  }
}
