import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose, type Diagnosis } from '../src/diagnose.ts'
import { readPgBouncer, type Snapshot } from '../src/read-pgbouncer.ts'
import { asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'
import { until } from './until.ts'

let server: PooledServer
beforeAll(async () => {
  server = await startPooledServer({
    settings: { pool_mode: 'transaction', default_pool_size: '2', max_client_conn: '50' },
  })
})
afterAll(() => server.stop())

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
  const findings = await until(
    async () => diagnose(await look(servers), undefined, facts),
    (given) => codes(given).includes(code),
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
    await servers.bouncer.query('SELECT 1', 'template1')
    await servers.bouncer.admin('PAUSE template1')
    expect(await untilFound(servers, 'database-paused')).toMatchObject({ subject: 'template1' })
    await servers.bouncer.admin('RESUME template1')
    await servers.bouncer.admin('DISABLE template1')
    expect(await untilFound(servers, 'database-disabled')).toMatchObject({ subject: 'template1' })
    await servers.bouncer.admin('ENABLE template1')
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
})
