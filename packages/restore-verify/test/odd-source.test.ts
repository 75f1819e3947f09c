import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyRestore } from '../src/verify-restore.ts'
import { connectionTo, databases, temporaryStore, type TemporaryStore } from './harness.ts'

/** A database that is sound, and whose restore goes wrong unless what is said of the database itself is heeded. */
let server: Postgres
let place: TemporaryStore

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  await server.query(
    `CREATE DATABASE odd TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'`,
  )
  await server.query(
    `CREATE TABLE fruits (name text CHECK (name > 'a')) PARTITION BY RANGE (name);
     CREATE TABLE fruits_to_n PARTITION OF fruits FOR VALUES FROM ('a') TO ('n');
     CREATE TABLE fruits_from_n PARTITION OF fruits FOR VALUES FROM ('n') TO (MAXVALUE);
     INSERT INTO fruits VALUES ('apple'), ('Banana'), ('Zwetschge')`,
    'odd',
  )
  await server.query(
    `CREATE SUBSCRIPTION news CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false, slot_name = 'kept')`,
    'odd',
  )
  await createBackup({ store: place.store, connection: connectionTo(server, 'odd') })
  await server.query('ALTER SUBSCRIPTION news SET (slot_name = NONE)', 'odd')
  await server.query('DROP SUBSCRIPTION news', 'odd')
}, 120_000)

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

describe('a database that sorts by ICU and subscribes', { timeout: 240_000 }, () => {
  it('is proven on a given server, and nothing of it stays there', async () => {
    const before = await databases(server)
    const report = await verifyRestore({
      store: place.store,
      database: 'odd',
      target: { kind: 'server', connection: connectionTo(server, 'postgres'), allowSourceCluster: true },
    })
    expect({ verdict: report.verdict, differences: report.differences }).toEqual({
      verdict: 'proven',
      differences: [],
    })
    expect(report.totals.rows).toBe(3)
    expect(await databases(server)).toEqual(before)
    expect(await server.query('SELECT FROM pg_subscription')).toEqual([])
  })
})
