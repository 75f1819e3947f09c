import { dockerAvailable, needs, startPgBouncer, startPostgres, type Postgres } from '@ops/testbed'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkPooling } from '../src/check-pooling.ts'
import type { PoolingEndpoint } from '../src/pooling-client.ts'

const endpoint = (connectionString: string): PoolingEndpoint => ({
  connect: async () => {
    const client = new Client({ connectionString })
    client.on('error', () => undefined)
    await client.connect()
    return client
  },
})

describe('checkPooling on a PgBouncer that knows prepared statements', () => {
  let postgres: Postgres | undefined
  beforeAll(async () => {
    if (await dockerAvailable()) postgres = await startPostgres({ mode: 'container' })
  })
  afterAll(async () => {
    await postgres?.stop()
  })

  it.for(['1.24', '1.26'])(
    'proves PgBouncer %s in transaction mode to the last check',
    async (version, context) => {
      needs(context, postgres !== undefined, 'no Docker engine answers')
      const settings = { pool_mode: 'transaction', default_pool_size: '4' }
      await using bouncer = await startPgBouncer({
        mode: 'container',
        version,
        postgres: postgres!,
        settings,
      })
      const report = await checkPooling({
        pooled: endpoint(bouncer.url()),
        direct: endpoint(postgres!.url()),
      })
      expect(report.checks.filter(({ ok }) => !ok)).toEqual([])
    },
  )

  it('finds prepared statements that are switched off', async (context) => {
    needs(context, postgres !== undefined, 'no Docker engine answers')
    const settings = { pool_mode: 'transaction', default_pool_size: '4', max_prepared_statements: '0' }
    await using bouncer = await startPgBouncer({
      mode: 'container',
      version: '1.24',
      postgres: postgres!,
      settings,
    })
    const { checks } = await checkPooling({
      pooled: endpoint(bouncer.url()),
      direct: endpoint(postgres!.url()),
    })
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      'named-prepared',
      'statement-names-do-not-collide',
    ])
  })
})
