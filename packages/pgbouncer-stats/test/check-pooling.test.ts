import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsCapability } from '@ops/testbed'
import { checkPooling, type PoolingEndpoint, type PoolingReport } from '../src/check-pooling.ts'
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
    expect(failed(report)).toEqual(hasNamed ? [] : ['named-prepared'])
  })

  it('sees through a direct connection', async (context) => {
    const { postgres } = server.get(context)
    const report = await checkPooling({
      pooled: endpoint(postgres.url()),
      direct: endpoint(postgres.url()),
      queries: 10,
    })
    expect(failed(report)).toEqual(['server-connections-are-shared'])
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
    expect(failed(await check())).toContain('server-connections-are-shared')
    await bouncer.admin("SET pool_mode = 'statement'")
    expect(failed(await check())).toContain('transactions')
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
