import fc from 'fast-check'
import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyRestore } from '../src/verify-restore.ts'
import { connectionTo, databases, temporaryStore } from './harness.ts'
import { randomDatabase } from './random-database.ts'

/** Whole backups of a hundred arbitrary databases: each must be proven. */
const DATABASES = 100
const BATCH = 10

let source: Postgres
let target: Postgres

beforeAll(async () => {
  ;[source, target] = await Promise.all([startPostgres(), startPostgres()])
})

afterAll(() => Promise.all([source?.stop(), target?.stop()]))

describe('no false alarm', () => {
  const seeds = Array.from({ length: DATABASES / BATCH }, (_, batch) => batch + 1)
  it.each(seeds)(`over ${BATCH} arbitrary databases, seed %i`, async (seed) => {
    const before = await databases(target)
    for (const sql of fc.sample(randomDatabase, { numRuns: BATCH, seed })) {
      await using place = await temporaryStore()
      await source.createDatabase('arbitrary')
      try {
        await source.query(sql, 'arbitrary')
        await createBackup({ store: place.store, connection: connectionTo(source, 'arbitrary') })
      } finally {
        await source.query('DROP DATABASE arbitrary WITH (FORCE)')
      }
      const report = await verifyRestore({
        store: place.store,
        database: 'arbitrary',
        target: { kind: 'server', connection: connectionTo(target, 'postgres') },
      })
      // With its SQL, so that a database that is not proven can be made again.
      expect({ sql, verdict: report.verdict, differences: report.differences }).toEqual({
        sql,
        verdict: 'proven',
        differences: [],
      })
    }
    expect(await databases(target)).toEqual(before)
  })
})
