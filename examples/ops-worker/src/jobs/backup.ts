import { createBackup, listBackups, type BackupProgress } from '@ops/pg-backup'
import type { BackupMetrics } from '@ops/pg-backup/prometheus'
import { cronSchedule } from '../schedule.ts'
import type { Job } from '../job.ts'
import type { JobContext } from './context.ts'

/** Backs one database up. */
export function backupJob(database: string, metrics: BackupMetrics, context: JobContext): Job {
  const { config, store, env, logger } = context
  const { cluster, postgres, timeZone, backup, lease } = config
  const { schedule: pattern, jitter: jitterMs, recipients, jobs, globals } = backup
  return {
    kind: 'backup',
    database,
    schedule: cronSchedule({ pattern, timeZone, jitterMs, name: `backup ${database}` }),
    async doneSince(slot, signal) {
      const newest = (await listBackups({ store, cluster, database, signal })).at(-1)
      const startedAt = newest && new Date(newest.startedAt)
      return startedAt !== undefined && startedAt >= slot ? startedAt : undefined
    },
    couldNotRun(error) {
      const attempt = { cluster, database, startedAt: new Date().toISOString() }
      const { signal } = new AbortController()
      void metrics.onStart(attempt, { signal })
      void metrics.onFailure({ ...attempt, code: 'BACKUP_STORE_FAILED', error, durationMs: 0 }, { signal })
    },
    async run(signal) {
      const canLease = (await store.capabilities({ signal })).putIfAbsent
      await createBackup({
        store,
        cluster,
        connection: { ...postgres, database },
        jobs,
        globals,
        encryption: recipients && { recipients },
        // A worker that died holds it a little longer; so may somebody who backs up by hand.
        lease: canLease ? { ...lease, waitMs: lease.ttlMs + lease.clockSkewMs } : undefined,
        hooks: [metrics],
        onProgress: (progress: BackupProgress) =>
          context.activity.progress({ kind: 'backup', database }, progress),
        logger,
        env,
        signal,
      })
    },
  }
}
