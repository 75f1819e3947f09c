import type { ProbeReport } from '@ops/cert-probe'
import { createJobRunner, cronSchedule, storeRecords, type Job, type JobRunner } from '@ops/internal-jobs'
import { openStore, type ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import { watchPooler, type WatchedPooler } from '@ops/status-page'
import * as client from '@prometheus-io/client'
import type { Config } from './config.ts'
import { createDatabases, type Databases } from './databases.ts'
import { backupJob } from './jobs/backup.ts'
import { certificatesJob } from './jobs/certificates.ts'
import { scheduleOf, type JobContext } from './jobs/context.ts'
import { drillJob } from './jobs/drill.ts'
import { inventoryJob } from './jobs/inventory.ts'
import { retentionJob } from './jobs/retention.ts'
import { withStoreKeys } from './store-keys.ts'

export interface WorkerOptions {
  readonly config: Config
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
}

export interface Worker extends AsyncDisposable {
  readonly store: ObjectStore
  readonly registry: client.Registry
  readonly runner: JobRunner
  readonly databases: Databases
  /** See {@link JobContext}. */
  readonly env: NodeJS.ProcessEnv
  readonly pooler?: WatchedPooler
  /** For the databases that there are now. */
  readonly jobs: () => readonly Job[]
  certificateReports(): readonly ProbeReport[]
}

/** Postponed jobs are looked at again after this, or sooner where leases are short; later on, less often. */
const POSTPONE_MS = 5000

/** Puts the packages together: one store, one registry, and the jobs. */
export async function openWorker({ config, env: allEnv, logger }: WorkerOptions): Promise<Worker> {
  const { cluster, lease, pgbouncer } = config
  await using opened = new AsyncDisposableStack()
  const store = opened.use(
    await openStore(config.store.url, { env: withStoreKeys(allEnv, config.store), logger }),
  )
  const registry = new client.Registry()
  const metrics = {
    backups: createBackupMetrics({ client, registry }),
    drills: createRestoreVerifyMetrics({ client, registry }),
    retention: createRetentionMetrics({ client, registry }),
  }
  const env = withoutSettings(allEnv)
  const databases = createDatabases(config, { connection: config.postgres, env })
  const context: JobContext = { config, store, databases, env, logger, metrics }
  const records = storeRecords({ store, cluster, ...lease })
  const maxDelay = lease.ttlMs / 6
  const postpone = { delay: Math.min(POSTPONE_MS, maxDelay), maxDelay }
  const runner = createJobRunner({ ...config, records, postpone, registry, logger })

  const certificates = opened.use(certificatesJob(registry, context))
  const lastBackup = (): number | undefined => {
    const ends = databases
      .list()
      .map((database) => runner.lastRun({ kind: 'backup', database })?.lastSuccessAt)
    const times = ends.flatMap((at) => (at === undefined ? [] : [Date.parse(at)]))
    return times.length === 0 ? undefined : Math.max(...times)
  }
  const retention = retentionJob(lastBackup, context)
  const everywhere: Job[] = [retention, certificates, inventoryJob(() => records.read(retention), context)]
  const { find } = databases
  if (find !== undefined) {
    const schedule = scheduleOf(context, config.discovery, 'databases')
    everywhere.push({ kind: 'databases', isLocal: true, schedule, run: ({ signal }) => find(signal) })
  }
  let pooler: WatchedPooler | undefined
  if (pgbouncer !== undefined) {
    const registered = registerPgBouncerMetrics({ registry, targets: pgbouncer })
    opened.defer(() => registered.unregister())
    const watched = opened.use(watchPooler(pgbouncer))
    const schedule = cronSchedule({ pattern: '* * * * *', timeZone: 'UTC', jitterMs: 0, name: 'pools' })
    const run: Job['run'] = async ({ signal }) => void (await watched.read(signal))
    everywhere.push({ kind: 'pools', isLocal: true, schedule, run })
    pooler = watched
  }
  const perDatabase = new Map<string, readonly Job[]>()
  const jobs = (): readonly Job[] => {
    const names = new Set(databases.list())
    for (const gone of perDatabase.keys()) if (!names.has(gone)) perDatabase.delete(gone)
    for (const name of names)
      if (!perDatabase.has(name)) perDatabase.set(name, [backupJob(name, context), drillJob(name, context)])
    return [...[...perDatabase.values()].flat(), ...everywhere]
  }
  const parts = opened.move()
  return {
    store,
    registry,
    runner,
    databases,
    env,
    pooler,
    jobs,
    certificateReports: certificates.reports,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OPS_WORKER_')))
}
