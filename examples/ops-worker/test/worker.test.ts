import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { openStore, type OpenedStore } from '@ops/object-store'
import { listBackups, type ListedBackup } from '@ops/pg-backup'
import { readRecord } from '@ops/restore-verify'
import { startFaultProxy, startPgBouncer, startPostgres, startS3, startTlsServer } from '@ops/testbed'
import type { PgBouncer, Postgres, S3Server, TlsServer } from '@ops/testbed'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startCli, startWorker, until, type ServingWorker } from './start-worker.ts'

let postgres: Postgres
let pgbouncer: PgBouncer
let s3: S3Server
let tls: TlsServer
const started = new AsyncDisposableStack()

beforeAll(async () => {
  postgres = started.use(await startPostgres())
  pgbouncer = started.use(
    await startPgBouncer({
      postgres,
      databases: {
        tight: `host=${postgres.host} port=${postgres.port} dbname=app pool_size=2 pool_mode=transaction`,
      },
    }),
  )
  s3 = started.use(await startS3())
  tls = started.use(await startTlsServer({ fault: 'expired' }))
  for (const database of ['app', 'shop']) {
    await postgres.createDatabase(database)
    await postgres.query('CREATE TABLE item AS SELECT generate_series(1, 1000) AS id', database)
  }
})
afterAll(() => started.disposeAsync())
vi.setConfig({ testTimeout: 300_000 })

interface Place {
  readonly env: NodeJS.ProcessEnv
  readonly store: OpenedStore
  readonly backups: (database: string) => Promise<ListedBackup[]>
}

const newBucket = async (): Promise<string> => `s3://${await s3.createBucket()}?endpoint=${s3.endpoint}`

/** Unlike the local S3 server, a folder can hold a lease. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ops-worker-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return pathToFileURL(folder).href
}

/** A store of its own, and the worker's settings for it. */
async function newPlace(location: Promise<string> = newBucket()): Promise<Place> {
  const url = await location
  const store = await openStore(url, { env: s3.env })
  onTestFinished(() => store[Symbol.asyncDispose]())
  const env = {
    OPS_WORKER_STORE_URL: url,
    OPS_WORKER_STORE_ACCESS_KEY_ID: s3.accessKeyId,
    OPS_WORKER_STORE_SECRET_ACCESS_KEY: s3.secretAccessKey,
    OPS_WORKER_POSTGRES_URL: postgres.url('postgres'),
    OPS_WORKER_DATABASES: 'app',
    // Nothing is due but what was never done: no slot comes while a test runs.
    OPS_WORKER_BACKUP_SCHEDULE: '0 0 1 1 *',
    OPS_WORKER_DRILL_SCHEDULE: '0 0 1 1 *',
    OPS_WORKER_RETRY_DELAY: '500ms',
    // A loaded machine takes its time.
    OPS_WORKER_SHUTDOWN: '4m',
    OPS_WORKER_CERTIFICATES_TIMEOUT: '2m',
  }
  return { env, store, backups: (database) => listBackups({ store, cluster: 'main', database }) }
}

async function start(env: NodeJS.ProcessEnv): Promise<ServingWorker> {
  const worker = await startWorker(env)
  onTestFinished(() => worker[Symbol.asyncDispose]())
  return worker
}

const series = (name: string, job: string, database = ''): string =>
  `ops_worker_job_${name}{job="${job}",database="${database}"}`

async function untilDone(worker: ServingWorker, job: string, database?: string): Promise<void> {
  await until(async () => (await worker.metric(series('last_run_success', job, database))) === 1)
}

async function untilAllDone(worker: ServingWorker): Promise<void> {
  for (const job of ['backup', 'drill']) await untilDone(worker, job, 'app')
  for (const job of ['retention', 'certificates', 'inventory']) await untilDone(worker, job)
}

/** Keeps every backup of "app" waiting in its middle. */
async function holdBackups(): Promise<{ untilWaiting(): Promise<void>; release(): Promise<void> }> {
  const client = new Client({ connectionString: postgres.url('app') })
  await client.connect()
  onTestFinished(() => client.end().catch(() => undefined))
  await client.query('BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE')
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`
  return {
    untilWaiting: () => until(async () => (await postgres.query(waiting)).length > 0),
    release: () => client.end(),
  }
}

async function keysOf({ store }: Place): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  return keys
}

describe('a worker', () => {
  it('catches up with what was never done, shows it all, and knows it from the store when it starts again', async () => {
    const { env, backups } = await newPlace()
    const settings = {
      ...env,
      OPS_WORKER_CERTIFICATES_TARGETS: `127.0.0.1:${tls.port}`,
      OPS_WORKER_PGBOUNCER_URL: `postgres://${pgbouncer.statsUser}@${pgbouncer.host}:${pgbouncer.port}/pgbouncer`,
      OPS_WORKER_PGBOUNCER_PASSWORD: pgbouncer.statsPassword,
    }
    const of = '{cluster="main",database="app"}'
    const shown = [
      ...['last_success_timestamp_seconds', 'last_attempt_success', 'raw_bytes', 'rows'].map(
        (name) => `ops_backup_${name}${of}`,
      ),
      ...['last_success_timestamp_seconds', 'last_attempt_success', 'rows'].map(
        (name) => `ops_restore_verify_${name}${of}`,
      ),
      'ops_retention_items{group="main/logical/app",state="good"}',
      ...['backup', 'drill'].map((job) => series('last_success_timestamp_seconds', job, 'app')),
      series('last_success_timestamp_seconds', 'retention'),
    ]
    const stateOf = async (worker: ServingWorker): Promise<Record<string, number | undefined>> => {
      await untilAllDone(worker)
      return Object.fromEntries(
        await Promise.all(shown.map(async (name) => [name, await worker.metric(name)] as const)),
      )
    }
    const first = await start(settings)
    const before = await stateOf(first)
    for (const series of [
      'ops_backup_last_attempt_success{cluster="main",database="app"}',
      'ops_restore_verify_last_attempt_success{cluster="main",database="app"}',
      'ops_retention_items{group="main/logical/app",state="good"}',
      'pgbouncer_up',
      `ops_cert_problem{target="127.0.0.1:${tls.port}",location="127.0.0.1:${tls.port}",problem="expired",severity="critical"}`,
    ])
      await until(async () => (await first.metric(series)) === 1)
    expect(await first.get('/healthz')).toEqual({ status: 200, body: 'ok\n' })
    await until(async () => (await first.get('/readyz')).body === 'ready\n')
    let status: { readonly problems: readonly unknown[] } | undefined
    await until(async () => {
      status = JSON.parse((await first.get('/api/v1/status')).body) as { problems: unknown[] }
      return status.problems.length === 0
    })
    expect(status).toMatchObject({
      databases: [{ database: 'app', backups: [{ drill: { verdict: 'proven' } }], failures: [] }],
      retention: { isApplied: true },
      certificates: [{ state: 'critical', location: `127.0.0.1:${tls.port}` }],
    })
    expect(await first.get('/')).toMatchObject({
      status: 200,
      body: expect.stringContaining('<!doctype html>'),
    })
    expect(await first.get('/nothing')).toEqual({ status: 404, body: 'not found\n' })
    for (const path of ['/metrics', '/healthz', '/readyz', '/', '/nothing'])
      expect(await first.get(path, 'POST')).toEqual({ status: 405, body: 'only GET and HEAD\n' })
    expect(await first.get('/healthz', 'HEAD')).toEqual({ status: 200, body: '' })
    first.kill('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' })

    const second = await start(settings)
    expect(await stateOf(second)).toEqual(before)
    expect(await second.metric('ops_retention_last_success_timestamp_seconds')).toBe(
      await second.metric(series('last_success_timestamp_seconds', 'retention')),
    )
    expect(await second.metric(series('runs_total', 'backup', 'app'))).toBe(0)
    expect(await backups('app')).toHaveLength(1)
  })

  it('backs up every database that a pattern finds, and a new one as soon as it is there', async () => {
    const { env, backups } = await newPlace()
    const settings = {
      ...env,
      OPS_WORKER_DATABASES: 'found_*',
      OPS_WORKER_EXCLUDE: 'found_not',
      OPS_WORKER_DISCOVERY_SCHEDULE: '* * * * * *',
      OPS_WORKER_INVENTORY_SCHEDULE: '* * * * * *',
      OPS_WORKER_DRILL_SCHEDULE: 'never',
    }
    await postgres.createDatabase('found_1')
    await postgres.createDatabase('found_not')
    const worker = await start(settings)
    await untilDone(worker, 'backup', 'found_1')
    await postgres.createDatabase('found_2')
    await untilDone(worker, 'backup', 'found_2')
    const { databases } = JSON.parse((await worker.get('/api/v1/status')).body) as {
      databases: { database: string }[]
    }
    expect(databases.map(({ database }) => database)).toEqual(['found_1', 'found_2'])

    await postgres.query('DROP DATABASE found_1 WITH (FORCE)')
    await until(
      async () => (await worker.metric(series('last_run_success', 'backup', 'found_1'))) === undefined,
    )
    // Nobody is to be told again and again that its backups grow old.
    const ofBackups = 'ops_backup_last_success_timestamp_seconds{cluster="main",database="found_'
    await until(async () => (await worker.metric(`${ofBackups}1"}`)) === undefined)
    expect(await worker.metric(`${ofBackups}2"}`)).toBeGreaterThan(0)
    expect(await backups('found_1')).toHaveLength(1)
    expect(await backups('found_not')).toEqual([])
    // A pattern that finds nothing is a failure, and what was found before stays.
    await postgres.query('DROP DATABASE found_2 WITH (FORCE)')
    await until(async () => (await worker.metric(series('last_run_success', 'databases'))) === 0)
    expect(await worker.metric(series('last_run_success', 'backup', 'found_2'))).toBe(1)
    expect((await worker.get('/metrics')).body).toMatch(
      /^ops_worker_job_failures_total\{job="databases",database="",code="BACKUP_NO_DATABASE"\} /m,
    )
  })

  it('keeps for hours how full the pools were and who waited', async () => {
    const { env } = await newPlace()
    const worker = await start({
      ...env,
      OPS_WORKER_BACKUP_SCHEDULE: 'never',
      OPS_WORKER_DRILL_SCHEDULE: 'never',
      OPS_WORKER_PGBOUNCER_URL: `postgres://${pgbouncer.statsUser}@${pgbouncer.host}:${pgbouncer.port}/pgbouncer`,
      OPS_WORKER_PGBOUNCER_PASSWORD: pgbouncer.statsPassword,
    })
    interface Pooler {
      readonly pools: readonly unknown[]
      readonly history: readonly { saturation: number; clientsWaiting: number }[]
    }
    const pooler = async (): Promise<Pooler> => {
      const status = JSON.parse((await worker.get('/api/v1/status')).body) as { poolers: Pooler[] }
      return status.poolers[0]!
    }
    // The pool has two places; two clients take them, and a third one waits.
    const clients = Array.from({ length: 3 }, () => new Client({ connectionString: pgbouncer.url('tight') }))
    onTestFinished(async () => void (await Promise.allSettled(clients.map((client) => client.end()))))
    for (const client of clients) await client.connect()
    for (const client of clients.slice(0, 2)) await client.query('BEGIN')
    const waiting = clients[2]!.query('SELECT 1')
    await until(async () => (await pooler()).history.some(({ clientsWaiting }) => clientsWaiting === 1))
    expect((await pooler()).pools).toMatchObject([
      { database: 'tight', clientsActive: 2, clientsWaiting: 1, serversActive: 2, size: 2 },
    ])
    for (const client of clients.slice(0, 2)) await client.query('COMMIT')
    await waiting
    // What is over stays in the history.
    await until(async () =>
      (await pooler()).pools.every((pool) => JSON.stringify(pool).includes('"clientsWaiting":0')),
    )
    const { history } = await pooler()
    expect(Math.max(...history.map(({ saturation }) => saturation))).toBe(1)
    expect(Math.max(...history.map(({ clientsWaiting }) => clientsWaiting))).toBe(1)
  })

  it('tells a webhook once of backups that fail, and of the one that ends it, and never shows its URL', async () => {
    const told: { readonly event: string; readonly database: string }[] = []
    const receiver = createServer((request, response) => {
      void text(request).then((body) => {
        told.push(JSON.parse(body) as (typeof told)[number])
        response.end()
      })
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    onTestFinished(() => void receiver.close())
    const { port } = receiver.address() as AddressInfo
    const { env } = await newPlace()
    const folder = await mkdtemp(join(tmpdir(), 'ops-worker-webhook-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'url'), `http://127.0.0.1:${port}/T0/hunter2\n`)
    const worker = await start({
      ...env,
      OPS_WORKER_DATABASES: 'late',
      OPS_WORKER_DRILL_SCHEDULE: 'never',
      OPS_WORKER_RETRY_MAX_DELAY: '500ms',
      OPS_WORKER_WEBHOOK_URL_FILE: join(folder, 'url'),
    })
    const failures = `ops_worker_job_failures_total{job="backup",database="late",code="BACKUP_CONNECT_FAILED"}`
    await until(async () => ((await worker.metric(failures)) ?? 0) >= 3)
    await postgres.createDatabase('late')
    await untilDone(worker, 'backup', 'late')
    expect(told).toMatchObject([
      { event: 'backup.failed', database: 'late', error: { code: 'BACKUP_CONNECT_FAILED' } },
      { event: 'backup.succeeded', database: 'late' },
    ])
    expect(worker.output() + (await worker.get('/api/v1/status')).body).not.toContain('hunter2')
  })

  it('shares the work with another: each job is done once', async () => {
    const { env, store, backups } = await newPlace(newFolder())
    const workers = await Promise.all([start(env), start(env)])
    for (const worker of workers) for (const job of ['backup', 'drill']) await untilDone(worker, job, 'app')

    const taken = await backups('app')
    expect(taken).toHaveLength(1)
    expect((await readRecord(store, taken[0]!))?.drills).toHaveLength(1)
    for (const job of ['backup', 'drill']) {
      const runs = await Promise.all(workers.map((worker) => worker.metric(series('runs_total', job, 'app'))))
      expect(runs.filter((count) => count === 1)).toHaveLength(1)
      expect(runs.filter((count) => count === 0)).toHaveLength(1)
    }
  })

  it('stops on SIGTERM in the middle of a backup, leaves nothing of it, and takes it when it starts again', async () => {
    const place = await newPlace()
    const hold = await holdBackups()
    const stopped = await start(place.env)
    await hold.untilWaiting()
    stopped.kill('SIGTERM')
    expect(await stopped.ended).toMatchObject({ code: 0, stderr: '' })
    expect((await keysOf(place)).filter((key) => key.includes('/logical/'))).toEqual([])
    const dumps = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'`
    await until(async () => (await postgres.query(dumps)).length === 0)

    await hold.release()
    await untilDone(await start(place.env), 'backup', 'app')
    expect(await place.backups('app')).toHaveLength(1)
  })

  it('takes over from one that was killed in the middle of a backup, once its lease has expired', async () => {
    const place = await newPlace(newFolder())
    const hold = await holdBackups()
    const env = { ...place.env, OPS_WORKER_LEASE_TTL: '3s', OPS_WORKER_LEASE_CLOCK_SKEW: '500ms' }
    const killed = await start(env)
    await hold.untilWaiting()
    const next = await start(env)
    killed.kill('SIGKILL')
    await killed.ended
    await hold.release()
    await untilDone(next, 'backup', 'app')
    expect(await place.backups('app')).toHaveLength(1)
  })

  it('goes on while the store is away, says so, and does what was due when it is back', async () => {
    const { env, backups } = await newPlace()
    const settings = { ...env, OPS_WORKER_DRILL_SCHEDULE: 'never' }
    await using proxy = await startFaultProxy({ target: s3.endpoint })
    proxy.refuse()
    const worker = await start({
      ...settings,
      OPS_WORKER_STORE_URL: env.OPS_WORKER_STORE_URL!.replace(s3.endpoint, proxy.endpoint),
    })
    const failures = 'ops_worker_job_failures_total{job="backup",database="app",code="'
    await until(async () => (await worker.get('/metrics')).body.includes(failures))
    expect(await worker.get('/readyz')).toMatchObject({
      status: 503,
      body: expect.stringMatching(/^store: /),
    })
    expect(await worker.get('/healthz')).toMatchObject({ status: 200 })
    proxy.heal()
    await untilDone(worker, 'backup', 'app')
    await untilDone(worker, 'retention')
    expect(await backups('app')).toHaveLength(1)
    // Nothing was drilled, so nothing is said of restores: it would stand there until the next drill.
    const drilled = 'ops_restore_verify_last_attempt_success{cluster="main",database="app"}'
    expect(await worker.metric(drilled)).toBeUndefined()
  })
})

it('says that a command is unknown, and which there are', async () => {
  expect(await startCli(['nonsense'], {}).ended).toMatchObject({
    code: 2,
    stderr: 'ops-worker: unknown command "nonsense"; the commands are serve, run, check-config, completion\n',
  })
})

describe('ops-worker run', () => {
  const run = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
    const { code, stdout, stderr } = await startCli(['run', ...args], {
      OPS_WORKER_LOG_LEVEL: 'error',
      ...env,
    }).ended
    return { code, stderr, outcomes: stdout === '' ? undefined : (JSON.parse(stdout) as unknown) }
  }

  it('backs up, cleans up and drills at once, whether or not it is due', async () => {
    const { env, backups } = await newPlace()
    for (const count of [1, 2]) {
      expect(await run(env, 'backup')).toMatchObject({
        code: 0,
        outcomes: [{ job: 'backup', database: 'app' }, { job: 'retention' }],
      })
      expect(await backups('app')).toHaveLength(count)
    }
    expect(await run(env, 'drill', '--database', 'app')).toMatchObject({
      code: 0,
      outcomes: [{ job: 'drill', database: 'app' }],
    })
    expect(await run(env, 'certificates')).toMatchObject({ code: 0, outcomes: [{ job: 'certificates' }] })
  })

  it('says what failed, by its code, and exits with 1; what makes no sense exits with 2', async () => {
    const { env, store, backups } = await newPlace()
    expect(await run({ ...env, OPS_WORKER_DATABASES: 'gone' }, 'backup')).toMatchObject({
      code: 1,
      outcomes: [
        { job: 'backup', database: 'gone', error: { code: 'BACKUP_CONNECT_FAILED' } },
        { job: 'retention' },
      ],
    })
    await run(env, 'backup')
    const [backup] = await backups('app')
    await store.put(`main/logical/app/${backup!.id}/dump.pgc.zst`, Buffer.from('damaged'))
    expect(await run(env, 'drill')).toMatchObject({
      code: 1,
      outcomes: [{ error: { code: 'WORKER_DRILL_DISPROVEN' } }],
    })
    expect(await run(env, 'drill', '--database', 'other')).toMatchObject({ code: 2, outcomes: undefined })
    expect(await run(env, 'nothing')).toMatchObject({ code: 2, outcomes: undefined })
  })
})
