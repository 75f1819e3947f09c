import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsCapability } from '@ops/testbed'
import { checkPooling, type PoolingCheck, type PoolingReport } from '../src/check-pooling.ts'
import type { PoolingEndpoint } from '../src/pooling-client.ts'
import { startPooledServer, type PooledServer } from './pooled-server.ts'

const endpoint = (connectionString: string): PoolingEndpoint => ({
  connect: async () => {
    const client = new Client({ connectionString })
    client.on('error', () => undefined)
    await client.connect()
    return client
  },
})

const failed = ({ checks }: PoolingReport): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)

/** What only a shared server connection can prove. */
const NEED_TRANSACTIONS = [
  'settings-do-not-leak',
  'roles-do-not-leak',
  'advisory-locks-do-not-leak',
  'temporary-tables-do-not-leak',
  'cursors-do-not-leak',
]
const NOT_SHARED = [
  'server-connections-are-shared',
  ...NEED_TRANSACTIONS,
  'settings-follow-their-client',
  'statement-names-do-not-collide',
]
const NAMED_STATEMENTS = ['named-prepared', 'statement-names-do-not-collide']

/** What a client must not do in transaction mode, with the check that finds it and what it says. */
const CARELESS: readonly (readonly [statement: string, finding: string, names: string])[] = [
  ["SET statement_timeout = '12s'", 'no-settings-left-behind', 'statement_timeout'],
  ['SET search_path = elsewhere', 'no-settings-left-behind', 'search_path'],
  ['SELECT pg_advisory_lock(42)', 'no-advisory-locks-left-behind', '0:42'],
  ['LISTEN orders', 'no-listeners-left-behind', 'orders'],
  ['PREPARE by_hand AS SELECT 1', 'no-sql-prepared-statements-left-behind', 'by_hand'],
  ['DECLARE held CURSOR WITH HOLD FOR SELECT 1', 'no-held-cursors-left-behind', 'held'],
  ['CREATE TEMPORARY TABLE scratch (n int)', 'no-temporary-tables-left-behind', 'scratch'],
  ['SET ROLE pg_monitor', 'no-roles-left-behind', 'pg_monitor'],
]

describe('checkPooling', () => {
  let server: PooledServer
  beforeAll(async () => {
    server = await startPooledServer({ settings: { pool_mode: 'transaction', default_pool_size: '4' } })
  })
  afterAll(() => server.stop())

  it('proves transaction mode', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const report = await checkPooling({ pooled: endpoint(bouncer.url()), direct: endpoint(postgres.url()) })
    // Before 1.21 named statements cannot work, and the report must say that and nothing else.
    const hasNamed = Number(bouncer.version.split('.')[1]) >= 24
    expect(failed(report)).toEqual(hasNamed ? [] : NAMED_STATEMENTS)
  })

  it('sees through a direct connection', async (context) => {
    const { postgres } = server.get(context)
    const report = await checkPooling({
      pooled: endpoint(postgres.url()),
      direct: endpoint(postgres.url()),
      queries: 10,
    })
    expect(failed(report)).toEqual(NOT_SHARED)
  })

  it('sees that the direct URL is none', async (context) => {
    const { bouncer } = server.get(context)
    const report = await checkPooling({
      pooled: endpoint(bouncer.url()),
      direct: endpoint(bouncer.url()),
      queries: 10,
    })
    expect(failed(report)).toContain('server-connections-are-shared')
  })

  it('sees that the two URLs lead to different databases', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const report = await checkPooling({
      pooled: endpoint(bouncer.url('template1')),
      direct: endpoint(postgres.url()),
      queries: 10,
    })
    expect(failed(report)).toContain('same-database')
  })

  it('sees session and statement mode', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const check = (): Promise<PoolingReport> =>
      checkPooling({
        pooled: endpoint(bouncer.url()),
        direct: endpoint(postgres.url()),
        queries: 10,
        concurrency: 3,
      })
    needsCapability(context, bouncer.mode === 'local', 'the pool mode is switched on the admin console')
    await bouncer.admin("SET pool_mode = 'session'")
    // Nothing is shared in session mode, so that nothing is proven of what is shared.
    expect(failed(await check())).toEqual(NOT_SHARED)
    await bouncer.admin("SET pool_mode = 'statement'")
    expect(failed(await check())).toEqual(expect.arrayContaining(['transactions', ...NEED_TRANSACTIONS]))
    await bouncer.admin("SET pool_mode = 'transaction'")
  })

  it('reports a pooler that is gone as failed checks, not as an exception', async (context) => {
    const { postgres } = server.get(context)
    const report = await checkPooling({
      pooled: endpoint('postgres://x@127.0.0.1:1/x'),
      direct: endpoint(postgres.url()),
      queries: 1,
    })
    expect(report.ok).toBe(false)
    expect(report.checks.every(({ ok, message }) => !ok && message !== '')).toBe(true)
  })
})

describe('checkPooling on one server connection', () => {
  let server: PooledServer
  beforeAll(async () => {
    server = await startPooledServer({ settings: { pool_mode: 'transaction', default_pool_size: '1' } })
  })
  afterAll(() => server.stop())

  const findings = async ({
    bouncer,
    postgres,
  }: ReturnType<PooledServer['get']>): Promise<PoolingCheck[]> => {
    const { checks } = await checkPooling({
      pooled: endpoint(bouncer.url()),
      direct: endpoint(postgres.url()),
      queries: 2,
      concurrency: 2,
    })
    return checks.filter(({ name, ok }) => !ok && !NAMED_STATEMENTS.includes(name))
  }

  it('finds all that an earlier client left behind, and nothing once the server connection is a new one', async (context) => {
    const servers = server.get(context)
    for (const [statement] of CARELESS) await servers.bouncer.query(statement)
    const found = await findings(servers)
    const left = found.filter(({ name }) => name.endsWith('left-behind'))
    expect(left.map(({ name }) => name).toSorted()).toEqual(
      [...new Set(CARELESS.map(([, finding]) => finding))].toSorted(),
    )
    for (const [, finding, names] of CARELESS) {
      const message = left.find(({ name }) => name === finding)?.message
      expect(message).toContain('on 1 of 1 server connections')
      expect(message).toContain(names)
    }
    await servers.bouncer.admin('RECONNECT')
    expect(await findings(servers)).toEqual([])
  })

  it('finds a session that an earlier client handed to another user', async (context) => {
    const servers = server.get(context)
    await servers.bouncer.query('SET SESSION AUTHORIZATION pg_monitor')
    expect((await findings(servers)).map(({ name }) => name)).toContain('no-roles-left-behind')
    await servers.bouncer.admin('RECONNECT')
  })
})
