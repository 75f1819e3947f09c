import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createBackup, digestDatabase, findPostgresProgram, restoreBackup } from '../src/index.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { randomDatabase } from './random-database.ts'

const RUNS = 40

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(() => server?.stop())

it('a random database comes back from its backup as it was', async () => {
  let tables = 0
  let rows = 0
  await fc.assert(
    fc.asyncProperty(randomDatabase, async (statements) => {
      const found = await withSqlInError(statements, () => comesBack(statements))
      tables += found.tables
      rows += found.rows
    }),
    { numRuns: RUNS },
  )
  process.stderr.write(`${RUNS} random databases came back: ${tables} tables with ${rows} rows\n`)
  expect(rows).toBeGreaterThan(RUNS)
})

it('a counterexample prints its SQL', async () => {
  const property = fc.asyncProperty(randomDatabase, (statements) =>
    withSqlInError(statements, () => Promise.reject(new Error('differs'))),
  )
  await expect(fc.assert(property, { numRuns: 1, endOnFailure: true })).rejects.toMatchObject({
    cause: expect.objectContaining({
      message: expect.stringMatching(/^differs\n[^]*CREATE TYPE mood [^]*;\nCREATE TABLE [^]*;$/) as string,
    }) as Error,
  })
})

/** Makes the database, takes it through a backup and a restore, and compares. */
async function comesBack(statements: readonly string[]): Promise<{ tables: number; rows: number }> {
  await using place = await temporaryStore()
  const { store } = place
  await server.query(`CREATE DATABASE origin TEMPLATE template0 ENCODING 'UTF8'`)
  try {
    for (const statement of statements) await server.query(statement, 'origin')
    const { manifest } = await createBackup({ store, connection: connectionTo(server, 'origin') })
    await restoreBackup({
      store,
      manifest,
      connection: connectionTo(server, 'copy'),
      createDatabase: true,
    })
    const { contents: copy } = await digestDatabase({ connection: connectionTo(server, 'copy') })
    expect({
      tables: copy.tables,
      largeObjects: copy.largeObjects,
      sequences: copy.sequences,
      schemaObjects: copy.objects.filter(isNotItself),
    }).toEqual({
      tables: manifest.tables,
      largeObjects: manifest.largeObjects,
      sequences: manifest.sequences,
      schemaObjects: manifest.schemaObjects.filter(isNotItself),
    })
    // And by a judge that knows nothing of our digests.
    expect(await plainDump('copy')).toBe(await plainDump('origin'))
    return {
      tables: manifest.tables.length,
      rows: manifest.tables.reduce((sum, table) => sum + table.rows, 0),
    }
  } finally {
    await server.query('DROP DATABASE IF EXISTS origin WITH (FORCE)')
    await server.query('DROP DATABASE IF EXISTS copy WITH (FORCE)')
  }
}

/** The copy of a database has another name. */
const isNotItself = ({ type }: { type: string }): boolean => type !== 'DATABASE'

/** What pg_dump writes as SQL; without the key that newer releases draw anew for each dump. */
async function plainDump(database: string): Promise<string> {
  const { path } = await findPostgresProgram('pg_dump', { serverMajor: Math.floor(server.version / 10_000) })
  const { stdout } = await promisify(execFile)(path, ['--no-password'], {
    env: { ...process.env, ...server.env(database) },
    maxBuffer: 2 ** 26,
  })
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
}

async function withSqlInError<T>(statements: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\n\n${statements.map((each) => `${each};`).join('\n')}`, { cause: error })
  }
}
