import type { ProbeReport } from '@ops/cert-probe'
import { openStore, type ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import * as client from '@prometheus-io/client'
import { createActivity, type Activity } from './activity.ts'
import type { Config } from './config-schema.ts'
import { createJobMetrics } from './job-metrics.ts'
import { localRecords, storeRecords } from './job-records.ts'
import type { Job } from './job.ts'
import { backupJob } from './jobs/backup.ts'
import { certificatesJob } from './jobs/certificates.ts'
import type { JobContext } from './jobs/context.ts'
import { drillJob } from './jobs/drill.ts'
import { inventoryJob } from './jobs/inventory.ts'
import { retentionJob } from './jobs/retention.ts'
import { createTurns, type Turns } from './turns.ts'

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
  readonly turns: Turns
  readonly activity: Activity
  certificateReports(): readonly ProbeReport[]
}

/** Puts the packages together: one store, one registry, and the jobs. */
export async function openWorker({ config, env, logger }: WorkerOptions): Promise<Worker> {
  const { cluster, databases, lease, retry, pgbouncer } = config
  const store = await openStore(config.store.url, { env: withStoreKeys(env, config), logger })
  const registry = new client.Registry()
  const metrics = {
    backups: createBackupMetrics({ client, registry }),
    drills: createRestoreVerifyMetrics({ client, registry }),
    retention: createRetentionMetrics({ client, registry }),
  }
  const activity = createActivity(cluster)
  const shared = storeRecords({ store, cluster, ...lease })
  const turns = createTurns({
    shared,
    local: localRecords(),
    concurrency: config.concurrency,
    retry,
    metrics: createJobMetrics(registry),
    activity,
    now: Date.now,
    logger,
  })
  const lastBackup = (): number | undefined => {
    const times = databases.map((database) => turns.known({ kind: 'backup', database })?.lastSuccessAt ?? '')
    const last = times.toSorted().at(-1)
    return last === undefined || last === '' ? undefined : Date.parse(last)
  }
  const pooler = pgbouncer && registerPgBouncerMetrics({ registry, targets: pgbouncer })
  const context: JobContext = {
    config,
    store,
    env: withoutSettings(env),
    logger,
    activity,
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

  return {
    store,
    registry,
    jobs,
    turns,
    activity,
    certificateReports: () => certificates.reports(),
    env: context.env,
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
