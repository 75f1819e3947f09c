import { openStore, type OpenedStore } from '@ops/object-store'
import { listBackups, type ListedBackup } from '@ops/pg-backup'
import { readRecord } from '@ops/restore-verify'
import { startPgBouncer, startPostgres, startS3, startTlsServer } from '@ops/testbed'
import type { PgBouncer, Postgres, S3Server, TlsServer } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startCli, startWorker, until, type ServingWorker } from './start-worker.ts'

let postgres: Postgres
let pgbouncer: PgBouncer
let s3: S3Server
let tls: TlsServer
const started = new AsyncDisposableStack()

beforeAll(async () => {
  postgres = started.use(await startPostgres())
  pgbouncer = started.use(await startPgBouncer({ postgres }))
  s3 = started.use(await startS3())
  tls = started.use(await startTlsServer({ fault: 'expired' }))
  for (const database of ['app', 'shop']) {
    await postgres.createDatabase(database)
    await postgres.query('CREATE TABLE item AS SELECT generate_series(1, 1000) AS id', database)
  }
})
afterAll(() => started.disposeAsync())

interface Place {
  readonly env: NodeJS.ProcessEnv
  readonly store: OpenedStore
  backups(database: string): Promise<ListedBackup[]>
}

/** A bucket of its own, and the worker's settings for it. */
async function newPlace(): Promise<Place> {
  const url = `s3://${await s3.createBucket()}?endpoint=${s3.endpoint}`
  const store = await openStore(url, { env: s3.env })
  onTestFinished(() => store[Symbol.asyncDispose]())
  const env = {
    OPS_WORKER_STORE_URL: url,
    OPS_WORKER_STORE_ACCESS_KEY_ID: s3.accessKeyId,
    OPS_WORKER_STORE_SECRET_ACCESS_KEY: s3.secretAccessKey,
    OPS_WORKER_POSTGRES_URL: postgres.url('postgres'),
    OPS_WORKER_DATABASES: 'app',
    OPS_WORKER_LEASE_TTL: '3s',
    OPS_WORKER_LEASE_CLOCK_SKEW: '500ms',
    OPS_WORKER_RETRY_DELAY: '500ms',
  }
  return { env, store, backups: (database) => listBackups({ store, cluster: 'main', database }) }
}

async function start(env: NodeJS.ProcessEnv): Promise<ServingWorker> {
  const worker = await startWorker(env)
  onTestFinished(() => worker[Symbol.asyncDispose]())
  return worker
}

const succeeded = (job: string, database = ''): string =>
  `ops_worker_job_last_run_success{job="${job}",database="${database}"}`

describe('a worker', () => {
  it('catches up with what was never done: a backup, then retention, then a drill; and shows it all', async () => {
    const { env, backups } = await newPlace()
    const worker = await start({
      ...env,
      OPS_WORKER_CERTIFICATES_TARGETS: `127.0.0.1:${tls.port}`,
      OPS_WORKER_PGBOUNCER_URL: `postgres://${pgbouncer.statsUser}@${pgbouncer.host}:${pgbouncer.port}/pgbouncer`,
      OPS_WORKER_PGBOUNCER_PASSWORD: pgbouncer.statsPassword,
    })
    for (const job of ['backup', 'drill']) await until(async () => (await worker.metric(succeeded(job, 'app'))) === 1)
    for (const job of ['retention', 'certificates', 'inventory'])
      await until(async () => (await worker.metric(succeeded(job))) === 1)

    expect(await backups('app')).toHaveLength(1)
    const { body } = await worker.get('/metrics')
    expect(body).toMatch(/^ops_backup_last_attempt_success\{cluster="main",database="app"\} 1$/m)
    expect(body).toMatch(/^ops_restore_verify_last_attempt_success\{cluster="main",database="app"\} 1$/m)
    expect(body).toMatch(/^ops_retention_items\{group="main\/logical\/app",state="good"\} 1$/m)
    expect(body).toMatch(/^ops_retention_last_success_timestamp_seconds \d/m)
    expect(body).toMatch(/^pgbouncer_up 1$/m)
    expect(body).toMatch(/^ops_cert_problem\{[^}]*problem="EXPIRED"[^}]*\} 1$/m)
    expect(await worker.get('/healthz')).toEqual({ status: 200, body: 'ok\n' })
    expect(await worker.get('/readyz')).toEqual({ status: 200, body: 'ready\n' })
    worker.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
