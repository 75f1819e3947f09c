import { createBackup, digestDatabase, restoreBackup, type Manifest } from '@ops/pg-backup'
import { awkwardSqlFile, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkExtensions } from '../src/checks/extensions.ts'
import { checkLargeObjects } from '../src/checks/large-objects.ts'
import { compareTables, tableDifferences } from '../src/checks/rows.ts'
import { compareSchema } from '../src/checks/schema.ts'
import { checkSequences } from '../src/checks/sequences.ts'
import type { Difference } from '../src/report.ts'
import { connectionTo, runFile, temporaryStore, type TemporaryStore } from './harness.ts'

/**
 * What a drill notices: the awkward database is backed up and restored once, and each case changes a
 * copy of the restored one by SQL before it is compared with the manifest.
 */
let server: Postgres
let place: TemporaryStore
let manifest: Manifest

beforeAll(async () => {
  server = await startPostgres()
  place = await temporaryStore()
  await server.createDatabase('awkward')
  await runFile(server, 'awkward', awkwardSqlFile)
  ;({ manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'awkward') }))
  await restoreBackup({
    store: place.store,
    manifest,
    connection: connectionTo(server, 'restored'),
    createDatabase: true,
  })
})

afterAll(async () => {
  await server?.stop()
  await place?.[Symbol.asyncDispose]()
})

const MIXED = `"Größe & ""Quotes"" / 'so'"."Table ""mixed"" 名前"`

async function differencesAfter(sabotage: string): Promise<readonly Difference[]> {
  await server.query('CREATE DATABASE sabotaged TEMPLATE restored')
  try {
    await server.query(sabotage, 'sabotaged')
    const { contents, server: facts } = await digestDatabase({
      connection: connectionTo(server, 'sabotaged'),
    })
    return [
      ...tableDifferences(compareTables(manifest.tables, contents.tables)),
      ...compareSchema(manifest.schemaObjects, contents.objects, {
        compareOwners: true,
        comparePrivileges: true,
      }),
      ...(checkSequences(manifest.sequences, contents.sequences).differences ?? []),
      ...(checkLargeObjects(manifest.largeObjects, contents.largeObjects).differences ?? []),
      ...(checkExtensions(manifest.extensions, facts.extensions).differences ?? []),
    ]
  } finally {
    await server.query('DROP DATABASE sabotaged WITH (FORCE)')
  }
}

describe('a restored database', () => {
  it('is equal when nothing was done to it', async () => {
    expect(await differencesAfter('SELECT 1')).toEqual([])
  })

  it('is equal when its rows lie in another physical order', async () => {
    const reordered = await differencesAfter(
      `CREATE TEMP TABLE kept AS SELECT * FROM measured; DELETE FROM measured; INSERT INTO measured SELECT * FROM kept ORDER BY value DESC;
       UPDATE every_type SET a = a WHERE id = 1`,
    )
    expect(reordered).toEqual([])
  })

  const noticed: Record<string, [sabotage: string, about: RegExp]> = {
    'a lost row': ['DELETE FROM measured WHERE value = 500', /^public\.measured_/],
    'a row twice': ['INSERT INTO parent SELECT * FROM ONLY parent', /^public\.parent$/],
    'one changed byte': [
      `UPDATE every_type SET o = set_byte(o, 200, 201) WHERE id = 1`,
      /^public\.every_type$/,
    ],
    'two values swapped between rows': [
      `UPDATE hashed_0 h SET v = o.v FROM (SELECT min(id) AS a, max(id) AS b FROM hashed_0) m, hashed_0 o
        WHERE (h.id = m.a AND o.id = m.b) OR (h.id = m.b AND o.id = m.a)`,
      /^public\.hashed_0$/,
    ],
    'the values of two columns swapped': ['UPDATE stored SET a = b, b = a', /^public\.stored$/],
    'NULL turned into an empty string': [`UPDATE ${MIXED} SET "select" = '' WHERE "select" IS NULL`, /mixed/],
    'an empty string turned into NULL': [`UPDATE ${MIXED} SET "select" = NULL WHERE "select" = ''`, /mixed/],
    'a lost row of a table without columns': [
      'DELETE FROM no_columns WHERE ctid = (SELECT min(ctid) FROM no_columns)',
      /^public\.no_columns$/,
    ],
    'a missing large object': ['SELECT lo_unlink(424243)', /large objects|424243/],
    'a changed byte in a large object': [`SELECT lo_put(424243, 5000, '\\x00')`, /large objects/],
    'a sequence off by one': [`SELECT setval('called', 2)`, /^public\.called$/],
    'a sequence not yet called': [`SELECT setval('called', 1, false)`, /^public\.called$/],
    'a dropped index': ['DROP INDEX covering', /INDEX public\.covering/],
    'a dropped constraint': ['ALTER TABLE booked DROP CONSTRAINT later', /later|booked/],
    'a changed default': [`ALTER TABLE no_rows ALTER note SET DEFAULT 'something'`, /no_rows/],
    'a changed function body': [
      `CREATE OR REPLACE FUNCTION overloaded(int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1 + 0'`,
      /overloaded/,
    ],
    'a lost comment': ['COMMENT ON INDEX covering IS NULL', /COMMENT .*covering/],
    'a disabled trigger enabled': ['ALTER TABLE no_rows ENABLE TRIGGER touched', /touched|no_rows/],
    'a lost policy': ['DROP POLICY only_short ON texts', /only_short/],
    'row-level security switched off': ['ALTER TABLE texts DISABLE ROW LEVEL SECURITY', /texts/],
    'a lost grant': ['REVOKE INSERT (id) ON texts FROM awkward_reader', /ACL .*texts/],
    'another owner': ['ALTER TABLE parent OWNER TO CURRENT_USER', /parent/],
    'another table access method': [
      'DROP TABLE on_heap_too; CREATE TABLE on_heap_too (a int); INSERT INTO on_heap_too VALUES (1)',
      /on_heap_too/,
    ],
    'an extra table': ['CREATE TABLE extra (a int)', /extra/],
    'a missing extension': ['DROP EXTENSION hstore', /hstore/],
    'an enum value too many': [`ALTER TYPE mood ADD VALUE 'after'`, /mood/],
  }
  it.each(Object.entries(noticed))('differs by %s', async (_name, [sabotage, about]) => {
    const differences = await differencesAfter(sabotage)
    expect(differences.map((each) => each.object).filter((object) => about.test(object))).not.toEqual([])
  })
})
