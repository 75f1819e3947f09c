import { openStore } from '@ops/object-store'
import { listBackups } from '@ops/pg-backup'
import { readRecord } from '@ops/restore-verify'
import { dockerAvailable, needs, startPostgres, startS3, type Postgres, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorker, until } from './start-worker.ts'

/** Leases and records on a real S3 server with conditional puts. */
const hasDocker = await dockerAvailable()
const started = new AsyncDisposableStack()
let postgres: Postgres
let s3: S3Server

beforeAll(async () => {
  if (!hasDocker) return
  postgres = started.use(await startPostgres({ mode: 'local' }))
  s3 = started.use(await startS3({ mode: 'container' }))
  for (const database of ['app', 'shop']) {
    await postgres.createDatabase(database)
    await postgres.query('CREATE TABLE item AS SELECT generate_series(1, 1000) AS id', database)
  }
})
afterAll(() => started.disposeAsync())

it('two workers on Ceph find the same databases, and do each job once', async (context) => {
  needs(context, hasDocker, 'no Docker engine answers')
  const url = `s3://${await s3.createBucket()}?endpoint=${s3.endpoint}`
  await using store = await openStore(url, { env: s3.env })
  const env = {
    OPS_WORKER_STORE_URL: url,
    OPS_WORKER_STORE_ACCESS_KEY_ID: s3.accessKeyId,
    OPS_WORKER_STORE_SECRET_ACCESS_KEY: s3.secretAccessKey,
    OPS_WORKER_POSTGRES_URL: postgres.url('postgres'),
    OPS_WORKER_EXCLUDE: 'postgres',
    // Nothing is due but what was never done: no slot comes while the test runs.
    OPS_WORKER_BACKUP_SCHEDULE: '0 0 1 1 *',
    OPS_WORKER_DRILL_SCHEDULE: '0 0 1 1 *',
    OPS_WORKER_SHUTDOWN: '4m',
  }
  await using first = await startWorker(env)
  await using second = await startWorker(env)
  const workers = [first, second]
  const jobs = ['backup', 'drill'].flatMap((job) =>
    ['app', 'shop'].map((database) => `{job="${job}",database="${database}"}`),
  )
  for (const worker of workers)
    for (const job of jobs)
      await until(async () => (await worker.metric(`ops_worker_job_last_run_success${job}`)) === 1)

  for (const database of ['app', 'shop']) {
    const backups = await listBackups({ store, cluster: 'main', database })
    expect(backups).toHaveLength(1)
    expect((await readRecord(store, backups[0]!))?.drills).toHaveLength(1)
  }
  for (const job of jobs) {
    const runs = await Promise.all(workers.map((each) => each.metric(`ops_worker_job_runs_total${job}`)))
    expect([job, runs.filter((count) => count === 1)]).toEqual([job, [1]])
    expect([job, runs.filter((count) => count === 0)]).toEqual([job, [0]])
  }
}, 600_000)
