import { openStore, type ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import * as client from '@prometheus-io/client'
import type { Config } from './config-schema.ts'
import { createJobMetrics } from './job-metrics.ts'
import { localRecords, storeRecords } from './job-records.ts'
import { nameOf, type Job, type JobRecord } from './job.ts'
import { backupJob } from './jobs/backup.ts'
import { certificatesJob } from './jobs/certificates.ts'
import type { JobContext } from './jobs/context.ts'
import { drillJob } from './jobs/drill.ts'
import { inventoryJob } from './jobs/inventory.ts'
import { retentionJob } from './jobs/retention.ts'
import { createLane } from './scheduler.ts'
import { takeTurn, type Turn } from './take-turn.ts'

export interface WorkerOptions {
  readonly config: Config
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
}

export interface Worker extends AsyncDisposable {
  readonly store: ObjectStore
  readonly registry: client.Registry
  readonly jobs: readonly Job[]
  /** See {@link JobContext}. */
  readonly env: NodeJS.ProcessEnv
  takeTurn(job: Job, options: { readonly isForced?: boolean; readonly signal: AbortSignal }): Promise<Turn>
}

/** Puts the packages together: one store, one registry, and the jobs. */
export async function openWorker({ config, env, logger }: WorkerOptions): Promise<Worker> {
  const { cluster, databases, lease, retry, pgbouncer } = config
  const store = await openStore(config.store.url, { env: withStoreKeys(env, config), logger })
  const registry = new client.Registry()
  const [shared, local] = [storeRecords({ store, cluster, ...lease }), localRecords()]
  const recordsOf = ({ isLocal }: Job) => (isLocal === true ? local : shared)
  const known = new Map<string, JobRecord>()
  const lastBackup = (): number | undefined => {
    const times = databases.flatMap(
      (database) => known.get(nameOf({ kind: 'backup', database }))?.lastSuccessAt ?? [],
    )
    return times.length === 0 ? undefined : Math.max(...times.map((time) => Date.parse(time)))
  }

  const metrics = {
    backups: createBackupMetrics({ client, registry }),
    drills: createRestoreVerifyMetrics({ client, registry }),
    retention: createRetentionMetrics({ client, registry }),
    jobs: createJobMetrics(registry),
  }
  const pooler = pgbouncer && registerPgBouncerMetrics({ registry, targets: pgbouncer })
  const context: JobContext = {
    config,
    store,
    env: withoutSettings(env),
    logger,
    onProgress: () => undefined,
  }
  const certificates = certificatesJob(registry, context)
  const retention = retentionJob(lastBackup, metrics.retention, context)
  const jobs: Job[] = [
    ...databases.map((database) => backupJob(database, metrics.backups, context)),
    retention,
    ...databases.map((database) => drillJob(database, metrics.drills, context)),
    certificates,
    inventoryJob(metrics, () => shared.read(retention), context),
  ]
  const lane = createLane(config.concurrency)

  return {
    store,
    registry,
    jobs,
    env: context.env,
    async takeTurn(job, options) {
      const turn = await takeTurn(job, {
        ...options,
        records: recordsOf(job),
        lane: job.isLocal === true ? undefined : lane,
        known: known.get(nameOf(job)),
        retry,
        now: Date.now,
        logger,
        onStart: () => metrics.jobs.running(job, true),
      }).finally(() => metrics.jobs.running(job, false))
      if (turn.record !== undefined) known.set(nameOf(job), turn.record)
      metrics.jobs.show(job, turn, Date.now())
      return turn
    },
    async [Symbol.asyncDispose]() {
      pooler?.unregister()
      await certificates[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

function withStoreKeys(env: NodeJS.ProcessEnv, { store }: Config): NodeJS.ProcessEnv {
  const { accessKeyId = env['AWS_ACCESS_KEY_ID'], secretAccessKey = env['AWS_SECRET_ACCESS_KEY'] } = store
  return { ...env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OPS_WORKER_')))
}
