import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFaultProxy, type PgBouncer } from '@ops/testbed'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { existsIn, findSetting } from '../src/config-settings.ts'
import { diagnose, type Diagnosis } from '../src/diagnose.ts'
import { readPgBouncer, type Snapshot } from '../src/read-pgbouncer.ts'
import { asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'
import { until } from './until.ts'

let server: PooledServer
const folder = mkdtempSync(join(tmpdir(), 'diagnose-test-'))
beforeAll(async () => {
  // PgBouncer may run as somebody else.
  chmodSync(folder, 0o755)
  // This machine alone: whatever the network's resolver is like, the answer comes at once.
  const resolvConf = join(folder, 'resolv.conf')
  writeFileSync(resolvConf, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  server = await startPooledServer({
    settings: {
      pool_mode: 'transaction',
      default_pool_size: '2',
      max_client_conn: '50',
      resolv_conf: resolvConf,
    },
  })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

type Servers = ReturnType<PooledServer['get']>

const look = async ({ bouncer }: Servers): Promise<Snapshot> =>
  await readPgBouncer({ connection: asStatsUser(bouncer) })

const codes = (findings: readonly Diagnosis[]): string[] => findings.map(({ code }) => code)

/** Looks until the finding is there: what provokes it goes on meanwhile. */
const untilFound = async (
  servers: Servers,
  code: string,
  postgresConnections?: number,
): Promise<Diagnosis> => {
  const facts = postgresConnections === undefined ? {} : { postgresConnections }
  const { findings } = await until(
    `diagnose to find ${code}`,
    async () => {
      const snapshot = await look(servers)
      const { databases, failures, lists, pools } = snapshot
      return { findings: diagnose(snapshot, undefined, facts), failures, pools, databases, lists }
    },
    (seen) => codes(seen.findings).includes(code),
  )
  return findings.find((finding) => finding.code === code)!
}

/** Clients of one application, logged in. */
async function clientsOf({ bouncer }: Servers, count: number, application: string): Promise<Client[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const client = new Client({ connectionString: bouncer.url(), application_name: application })
      client.on('error', () => undefined)
      await client.connect()
      return client
    }),
  )
}

/** One more line of `[databases]`. */
async function addDatabase(bouncer: PgBouncer, line: string): Promise<void> {
  const ini = readFileSync(bouncer.iniPath, 'utf8')
  writeFileSync(bouncer.iniPath, ini.replace('[databases]\n', `[databases]\n${line}\n`))
  await bouncer.reload()
}

/** Connections that say nothing. */
async function sockets({ port }: PgBouncer, count: number): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }),
  )
}

/** What a driver does when a statement's time is over; PgBouncer closes the connection when it is done. */
async function sendCancel({ port }: PgBouncer, client: Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80_877_102, 4)
  request.writeInt32BE(processID, 8)
  request.writeInt32BE(secretKey, 12)
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.resume().write(request)
  await once(socket, 'close')
}

describe('diagnose on a real PgBouncer', () => {
  it('finds nothing while nothing is wrong', async (context) => {
    const servers = server.get(context)
    await servers.bouncer.query('SELECT 1')
    expect(diagnose(await look(servers), await look(servers), { postgresConnections: 97 })).toEqual([])
  })

  it('says that a pool is exhausted, by whom, and that the wait grows', async (context) => {
    const servers = server.get(context)
    const holders = await clientsOf(servers, 2, 'nightly-report')
    for (const holder of holders) await holder.query('BEGIN')
    const [waiter] = await clientsOf(servers, 1, 'web')
    const answer = waiter!.query('SELECT 1')
    const found = await untilFound(servers, 'pool-exhausted')
    expect(found.message).toContain('all 2 server connections are in use')
    expect(found.message).toContain('held by nightly-report (2)')
    const first = await look(servers)
    const findings = await until(
      'diagnose to find wait-grows',
      async () => diagnose(first, await look(servers)),
      (given) => codes(given).includes('wait-grows'),
    )
    expect(findings[0]!.severity).toBe('critical')
    for (const holder of holders) await holder.query('COMMIT')
    await answer
    await Promise.all([...holders, waiter!].map((client) => client.end()))
  })

  it('says that the application has more clients than can ever be served, and that the slots run out', async (context) => {
    const servers = server.get(context)
    const crowd = await clientsOf(servers, 46, 'web')
    const found = await untilFound(servers, 'app-pool-too-large')
    expect(found).toMatchObject({ evidence: { clients: 46, servers: 2 } })
    expect((await untilFound(servers, 'max-client-conn')).message).toContain('of 50 client slots are taken')
    await Promise.all(crowd.map((client) => client.end()))
  })

  it('says that the pools may open more than PostgreSQL allows', async (context) => {
    const servers = server.get(context)
    await servers.bouncer.query('SELECT 1')
    expect(await untilFound(servers, 'over-postgres-limit', 1)).toMatchObject({ evidence: { limit: 1 } })
  })

  it('says that a database is paused, or disabled', async (context) => {
    const servers = server.get(context)
    const { bouncer, postgres } = servers
    // Under a name of its own: what only the entry `*` knows is not listed while it has neither clients nor servers.
    await addDatabase(bouncer, `shop = host=${postgres.host} port=${postgres.port} dbname=postgres`)
    await bouncer.query('SELECT 1', 'shop')
    await bouncer.admin('PAUSE shop')
    expect(await untilFound(servers, 'database-paused')).toMatchObject({
      subject: 'shop',
      evidence: { inUse: 0 },
    })
    await bouncer.admin('RESUME shop')
    await bouncer.admin('DISABLE shop')
    expect(await untilFound(servers, 'database-disabled')).toMatchObject({ subject: 'shop' })
    await bouncer.admin('ENABLE shop')
  })

  it('says that a PAUSE still waits for transactions', async (context) => {
    const servers = server.get(context)
    const [holder] = await clientsOf(servers, 1, 'nightly-report')
    await holder!.query('BEGIN')
    const pausing = servers.bouncer.admin('PAUSE postgres')
    const found = await untilFound(servers, 'database-paused')
    expect(found.message).toContain('PAUSE waits for 1 server connection that is in use')
    await holder!.query('COMMIT')
    await pausing
    await servers.bouncer.admin('RESUME postgres')
    await holder!.end()
  })

  it('says that all of PgBouncer is paused, or before 1.19, which hides it, names that as a cause', async (context) => {
    const servers = server.get(context)
    await servers.bouncer.admin('PAUSE')
    const waiting = servers.bouncer.query('SELECT 1')
    const tellsState = (await look(servers)).state !== undefined
    const found = await untilFound(servers, tellsState ? 'paused' : 'no-server')
    expect(found.nextStep).toContain('RESUME on the admin console')
    await servers.bouncer.admin('RESUME')
    await waiting
  })

  it('says that clients wait although servers are idle, since the check of them is slow', async (context) => {
    const servers = server.get(context)
    const { bouncer } = servers
    const pair = await clientsOf(servers, 2, 'web')
    for (const client of pair) await client.query('BEGIN')
    await bouncer.admin('SET server_check_delay = 0')
    await bouncer.admin("SET server_check_query = 'SELECT pg_sleep(2)'")
    for (const client of pair) await client.query('COMMIT')
    const waiting = pair[0]!.query('SELECT 1')
    const found = await untilFound(servers, 'waiting-though-idle')
    await bouncer.admin('SET server_check_delay = 30')
    await bouncer.admin("SET server_check_query = 'SELECT 1'")
    await waiting
    await Promise.all(pair.map((client) => client.end()))
    expect(found.nextStep).toContain('server_check_query is slow')
  })

  it('says that many clients are logging in', async (context) => {
    const servers = server.get(context)
    const crowd = await sockets(servers.bouncer, 12)
    const found = await untilFound(servers, 'client-logins-pile-up')
    for (const socket of crowd) socket.destroy()
    expect(found.message).toMatch(/^1[2-9] clients are logging in/)
  })

  it('says that a database has all connections that it may have', async (context) => {
    const servers = server.get(context)
    const { bouncer, postgres } = servers
    await addDatabase(
      bouncer,
      `limited = host=${postgres.host} port=${postgres.port} dbname=postgres max_db_connections=1`,
    )
    await bouncer.query('SELECT 1', 'limited')
    expect(await untilFound(servers, 'database-limit')).toMatchObject({
      subject: 'limited',
      evidence: { connections: 1, limit: 1 },
    })
  })

  it('says that a name has no address', async (context) => {
    const servers = server.get(context)
    await addDatabase(servers.bouncer, 'nowhere = host=postgres.invalid dbname=postgres')
    const failing = servers.bouncer.query('SELECT 1', 'nowhere').catch(() => undefined)
    expect(await untilFound(servers, 'dns-no-address')).toMatchObject({ subject: 'postgres.invalid' })
    await servers.bouncer.admin('KILL nowhere')
    await failing
  })

  it('says that clients cancel in numbers, while PostgreSQL takes no new connections', async (context) => {
    const servers = server.get(context)
    const { bouncer, postgres } = servers
    await using network = await startFaultProxy({ target: postgres })
    await addDatabase(bouncer, `slow = host=${network.host} port=${network.port} dbname=postgres`)
    // PgBouncer drops a cancel request that has waited for ten seconds, if it knows such a limit.
    const hasLimit = existsIn(findSetting('cancel_wait_timeout')!, bouncer.version)
    if (hasLimit) await bouncer.admin('SET cancel_wait_timeout = 0')
    const client = new Client({ connectionString: bouncer.url('slow') })
    client.on('error', () => undefined)
    await client.connect()
    await client.query('BEGIN')
    network.stall()
    const cancels = Array.from({ length: 12 }, () => sendCancel(bouncer, client))
    const found = await untilFound(servers, 'cancel-storm')
    expect(found).toMatchObject({ subject: `slow/${postgres.user}`, evidence: { cancels: 12 } })
    network.heal()
    await Promise.all(cancels)
    await client.end()
    if (hasLimit) await bouncer.admin('SET cancel_wait_timeout = 10')
  })

  it('says that a server lets nobody in, and that logins pile up', async (context) => {
    const servers = server.get(context)
    const logins: Socket[] = []
    const silent = createServer((socket) => logins.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const names = ['silent1', 'silent2', 'silent3']
    for (const name of names) await addDatabase(servers.bouncer, `${name} = host=127.0.0.1 port=${port}`)
    const clients = names.map((name) => new Client({ connectionString: servers.bouncer.url(name) }))
    for (const client of clients) {
      client.on('error', () => undefined)
      client.connect().catch(() => undefined)
    }

    const piledUp = await untilFound(servers, 'logins-pile-up')
    expect(piledUp.message).toContain('3 server connections are logging in')
    const first = await look(servers)
    expect(codes(diagnose(first))).not.toContain('waiting-for-login')
    const findings = diagnose(first, await look(servers))
    expect(findings.filter(({ code }) => code === 'waiting-for-login').map(({ subject }) => subject)).toEqual(
      names.map((name) => `${name}/${servers.postgres.user}`),
    )
    for (const name of names) await servers.bouncer.admin(`KILL ${name}`)
    silent.close()
    for (const socket of logins) socket.destroy()
  })
})
