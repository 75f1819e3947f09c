import { errorMessage } from '@ops/internal-error'
import {
  certificateStatus,
  keepFor,
  readStoreStatus,
  runningJobs,
  type DatabaseStatus,
  type JobFailure,
  type JobName,
  type SourceProblem,
  type Status,
} from '@ops/status-page'
import type { Config } from './config.ts'
import type { Worker } from './worker.ts'

/** Reading the store takes a request for each backup; it is read again when a job has ended, or after this. */
const KEEP_STORE_MS = 60_000

/** Gathers what the status page shows. */
export function createStatusReader(config: Config, worker: Worker): () => Promise<Status> {
  const { cluster, retention, timeZone, objectives, drill } = config
  const { store, runner } = worker

  const readStore = keepFor(KEEP_STORE_MS, () => {
    const promised = {
      backupAgeSeconds: objectives.backupAge / 1000,
      proofAgeSeconds: objectives.proofAge / 1000,
      recoverySeconds: drill.maxRecovery && drill.maxRecovery / 1000,
    }
    return readStoreStatus({
      store,
      databases: worker.databases.list().map((database) => ({ cluster, database, objectives: promised })),
      policy: retention.policy,
      timeZone,
      nextRetention: { at: new Date(nextBackup() ?? Date.now()), isApplied: retention.apply },
    })
  })
  let runningBefore = 0
  runner.subscribe(() => {
    const running = runner.running().length
    if (running < runningBefore) readStore.forget()
    runningBefore = running
  })

  /** Retention follows the backups. */
  function nextBackup(): number | undefined {
    const backups = worker.jobs().filter(({ kind }) => kind === 'backup')
    const times = backups.map(({ schedule }) => schedule.next(Date.now())).filter((at) => at !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  return async () => {
    const problems: SourceProblem[] = []
    const failed = (source: string) => (error: unknown) => {
      problems.push({ source, message: errorMessage(error) })
      return undefined
    }
    const [stored, pooler] = await Promise.all([
      readStore().catch(failed('store')),
      worker.pooler?.read().catch(failed('pgbouncer')),
    ])
    for (const kind of ['databases', 'retention', 'certificates']) {
      const { error } = runner.lastRun({ kind }) ?? {}
      if (error !== undefined) problems.push({ source: kind, message: error.message })
    }
    return {
      format: 'ops.status/1',
      takenAt: new Date().toISOString(),
      name: cluster,
      databases: (stored?.databases ?? []).map((each) => withJobs(each, worker)),
      running: runningJobs(runner.running(), cluster),
      poolers: pooler === undefined ? [] : [pooler],
      certificates: certificateStatus(worker.certificateReports()),
      retention: stored?.retention ?? null,
      problems: [...(stored?.problems ?? []), ...problems],
    }
  }
}

function withJobs(status: DatabaseStatus, { jobs, runner }: Worker): DatabaseStatus {
  const nextOf = (kind: JobName): string | undefined => {
    const job = jobs().find((each) => each.kind === kind && each.database === status.database)
    const next = job?.schedule.next(Date.now())
    return next === undefined ? undefined : new Date(next).toISOString()
  }
  const failures = (['backup', 'drill'] as const).flatMap((job): JobFailure[] => {
    const record = runner.lastRun({ kind: job, database: status.database })
    return record?.error === undefined ? [] : [{ job, at: record.finishedAt, message: record.error.message }]
  })
  return { ...status, failures, nextBackupAt: nextOf('backup'), nextDrillAt: nextOf('drill') }
}
