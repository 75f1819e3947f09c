import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyRestore } from '../src/verify-restore.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'

const ROWS = 4_000_000
const GB = 1e9

let server: Postgres
let place: TemporaryStore

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  await server.createDatabase('large')
  await server.query(
    `CREATE TABLE orders AS
       SELECT i AS id,
              gen_random_uuid() AS token,
              timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' AS ordered_at,
              (i * 7919 % 1000003) / 100.0 AS price,
              jsonb_build_object('article', i % 1000, 'tags', ARRAY[md5(i::text), 'gift']) AS details,
              'Customer ' || i || ' asked for ' || md5((i / 3)::text) || ' to be delivered by ' || md5((-i)::text) AS note
         FROM generate_series(1::bigint, ${ROWS}) i`,
    'large',
  )
  await server.query(`ALTER TABLE orders ADD PRIMARY KEY (id)`, 'large')
})

afterAll(async () => {
  await server?.stop()
  await place?.[Symbol.asyncDispose]()
})

describe('a table of more than 1 GB', () => {
  it('is backed up, restored, and proven to the row', async () => {
    const [size] = await server.query(`SELECT pg_table_size('orders')::float8 AS bytes`, 'large')
    expect(size?.['bytes']).toBeGreaterThan(GB)

    const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'large') })
    expect(manifest.tables).toMatchObject([{ name: 'orders', rows: ROWS }])

    const report = await verifyRestore({
      store: place.store,
      database: 'large',
    })
    expect(report).toMatchObject({ verdict: 'proven', differences: [], totals: { rows: ROWS } })
    expect(report.totals.bytes).toBeGreaterThan(GB)
  })
})
