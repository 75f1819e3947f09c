import type { EndpointReport, ProbeReport } from '@ops/cert-probe'
import { errorMessage } from '@ops/internal-error'
import { readPgBouncer, targetName } from '@ops/pgbouncer-stats'
import {
  readStoreStatus,
  type CertificateStatus,
  type DatabaseStatus,
  type JobFailure,
  type PoolerStatus,
  type SourceProblem,
  type Status,
  type StoreStatus,
} from '@ops/status-page'
import type { Config } from './config-schema.ts'
import type { JobKind } from './job.ts'
import type { Worker } from './open-worker.ts'

/** Reading the store takes a request for each backup; it is read again when a job has ended, or after this. */
const KEEP_STORE_MS = 60_000

/** Gathers what the status page shows. */
export function createStatusReader(config: Config, worker: Worker): () => Promise<Status> {
  const { cluster, databases, retention, timeZone, drill } = config
  let kept: { readonly at: number; readonly ended: number; readonly status: Promise<StoreStatus> } | undefined

  const readStore = (): Promise<StoreStatus> => {
    const ended = worker.activity.ended()
    if (kept === undefined || kept.ended !== ended || performance.now() - kept.at > KEEP_STORE_MS) {
      const objectives = { recoverySeconds: drill.maxRecovery && drill.maxRecovery / 1000 }
      const status = readStoreStatus({
        store: worker.store,
        databases: databases.map((database) => ({ cluster, database, objectives })),
        policy: retention.policy,
        timeZone,
      })
      kept = { at: performance.now(), ended, status }
    }
    return kept.status
  }

  return async () => {
    const problems: SourceProblem[] = []
    const failed = (source: string) => (error: unknown) => {
      problems.push({ source, message: errorMessage(error) })
      return undefined
    }
    const [stored, pooler] = await Promise.all([
      readStore().catch(failed('store')),
      readPooler(config).catch(failed('pgbouncer')),
    ])
    return {
      format: 'ops.status/1',
      takenAt: new Date().toISOString(),
      name: cluster,
      databases: (stored?.databases ?? []).map((each) => withSchedule(each, worker)),
      running: worker.activity.running(),
      poolers: pooler === undefined ? [] : [pooler],
      certificates: worker.certificateReports().flatMap(certificatesOf),
      retention: stored?.retention ?? null,
      problems: [...(stored?.problems ?? []), ...problems],
    }
  }
}

function withSchedule(status: DatabaseStatus, { jobs, turns }: Worker): DatabaseStatus {
  const nextOf = (kind: JobKind): string | undefined => {
    const job = jobs.find((each) => each.kind === kind && each.database === status.database)
    const next = job?.schedule.next(Date.now())
    return next === undefined ? undefined : new Date(next).toISOString()
  }
  const failures = (['backup', 'drill'] as const).flatMap((job): JobFailure[] => {
    const record = turns.known({ kind: job, database: status.database })
    return record?.error === undefined ? [] : [{ job, at: record.finishedAt, message: record.error.message }]
  })
  return { ...status, failures, nextBackupAt: nextOf('backup'), nextDrillAt: nextOf('drill') }
}

async function readPooler({ pgbouncer: connection }: Config): Promise<PoolerStatus | undefined> {
  if (connection === undefined) return undefined
  const { pools = [], databases = [] } = await readPgBouncer({ connection, show: ['pools', 'databases'] })
  return {
    name: targetName(connection),
    pools: pools.map((pool) => ({
      database: pool.database,
      user: pool.user,
      mode: pool.poolMode ?? null,
      clientsActive: pool.clActive,
      clientsWaiting: pool.clWaiting,
      serversActive: pool.svActive,
      serversIdle: pool.svIdle,
      size: databases.find(({ name }) => name === pool.database)?.poolSize ?? 0,
      maxWaitSeconds: pool.maxWaitSeconds,
    })),
    history: [],
  }
}

function certificatesOf({ target, endpoints }: ProbeReport): CertificateStatus[] {
  return endpoints.map(({ location, status: state, chain, verdict, failure }: EndpointReport) => ({
    target,
    location,
    state,
    subject: chain[0]?.subject ?? null,
    expiresAt: verdict?.expiresAt ?? null,
    daysLeft: verdict?.daysLeft ?? null,
    problem: verdict?.problems[0]?.message ?? failure?.message ?? null,
  }))
}
