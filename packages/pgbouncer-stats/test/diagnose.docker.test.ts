import {
  dockerAvailable,
  needs,
  needsCapability,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type Postgres,
} from '@ops/testbed'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openConsole } from '../src/console.ts'
import { diagnose } from '../src/diagnose.ts'
import { readPgBouncer, type Snapshot } from '../src/read-pgbouncer.ts'
import { asAdmin, asStatsUser } from './pooled-server.ts'
import { until } from './until.ts'

const KEPT_STATEMENTS = 5

const run = promisify(execFile)

async function containerOf({ port }: PgBouncer): Promise<string> {
  return (await run('docker', ['ps', '--quiet', '--filter', `publish=${port}`])).stdout.trim()
}

async function inContainer(bouncer: PgBouncer, ...command: string[]): Promise<void> {
  await run('docker', ['exec', await containerOf(bouncer), ...command])
}

/** In PgBouncer's container: takes every question, and answers none. */
async function startSilentResolver(bouncer: PgBouncer): Promise<{ kill(): void }> {
  const script = `
    $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53, Proto => 'udp') or die $!;
    $| = 1; print "ready\\n"; sleep 300`
  const perl = ['perl', '-MIO::Socket::INET', '-e', script]
  const child = spawn('docker', ['exec', '--user=root', await containerOf(bouncer), ...perl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the resolver ended')
    }),
  ])
  return { kill: () => child.kill() }
}

/** What only newer PgBouncers tell. */
describe.for(['1.24', '1.26'])('diagnose on PgBouncer %s', (version) => {
  let postgres: Postgres | undefined
  let bouncer: PgBouncer | undefined
  beforeAll(async () => {
    if (!(await dockerAvailable())) return
    postgres = await startPostgres({ mode: 'container' })
    bouncer = await startPgBouncer({
      mode: 'container',
      version,
      postgres,
      settings: { pool_mode: 'transaction', max_prepared_statements: String(KEPT_STATEMENTS) },
    })
  })
  afterAll(async () => {
    await bouncer?.stop()
    await postgres?.stop()
  })

  it('says that prepared statements are thrown out before they are used again', async (context) => {
    needs(context, bouncer !== undefined, 'no Docker engine answers')
    const client = new Client({ connectionString: bouncer!.url() })
    await client.connect()
    const look = (): Promise<Snapshot> => readPgBouncer({ connection: asStatsUser(bouncer!) })
    const execute = async (statements: number, times: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        const name = `statement ${n % statements}`
        await client.query({ name, text: `SELECT ${n % statements} + $1::int`, values: [n] })
      }
    }

    const first = await look()
    await execute(KEPT_STATEMENTS, 200)
    const second = await look()
    expect(diagnose(first, second)).toEqual([])
    await execute(4 * KEPT_STATEMENTS, 200)
    expect(diagnose(second, await look())).toMatchObject([
      {
        code: 'prepared-statement-churn',
        subject: 'postgres',
        evidence: { binds: 200, maxPreparedStatements: String(KEPT_STATEMENTS) },
      },
    ])
    await client.end()
  })

  it('says that PgBouncer is suspended, over a console that was open before', async (context) => {
    needs(context, bouncer !== undefined, 'no Docker engine answers')
    needsCapability(context, version !== '1.26', 'PgBouncer 1.26 has no SUSPEND any more')
    await using admin = openConsole(asAdmin(bouncer!))
    await using watcher = openConsole(asStatsUser(bouncer!))
    await watcher.query('SHOW STATE')
    await admin.query('SUSPEND', { timeoutMs: 30_000 })
    const findings = await until(
      'diagnose to find suspended',
      async () => diagnose(await readPgBouncer({ console: watcher })),
      (given) => given.length > 0,
    )
    expect(findings).toMatchObject([{ code: 'suspended', severity: 'critical' }])

    // New connections are not accepted meanwhile.
    const late = readPgBouncer({ connection: asStatsUser(bouncer!), timeoutMs: 500 })
    await expect(late).rejects.toMatchObject({
      code: 'PGBOUNCER_TIMEOUT',
      message: expect.stringContaining('is suspended') as unknown,
    })
    await admin.query('RESUME')
    expect(diagnose(await readPgBouncer({ connection: asStatsUser(bouncer!) }))).toEqual([])
  })

  it('says that the resolver does not answer', async (context) => {
    needs(context, postgres !== undefined, 'no Docker engine answers')
    await using forgetful = await startPgBouncer({
      mode: 'container',
      version,
      postgres: postgres!,
      settings: { resolv_conf: '/tmp/resolv.conf' },
      databases: { shop: 'host=db.example dbname=postgres' },
    })
    await inContainer(forgetful, 'sh', '-c', 'echo nameserver 127.0.0.1 > /tmp/resolv.conf')
    await forgetful.restart()
    const resolver = await startSilentResolver(forgetful)
    const client = new Client({ connectionString: forgetful.url('shop') })
    client.on('error', () => undefined)
    client.connect().catch(() => undefined)

    const look = (): Promise<Snapshot> => readPgBouncer({ connection: asStatsUser(forgetful) })
    const findings = await until(
      'diagnose to find dns-slow',
      async () => diagnose(await look(), await look()),
      (given) => given.some(({ code }) => code === 'dns-slow'),
    )
    expect(findings.filter(({ code }) => code.startsWith('dns-'))).toMatchObject([
      { code: 'dns-slow', subject: 'db.example', evidence: { logins: 1 } },
    ])
    resolver.kill()
  })
})
