import { createBackup } from '@ops/pg-backup'
import { awkwardSqlFile, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyRestore, type VerifyRestoreOptions } from '../src/verify-restore.ts'
import { connectionTo, runFile, temporaryStore, type TemporaryStore } from './harness.ts'

/** Drills for targets that lack an extension: it is left out, with what needs it, and nothing else is. */
let server: Postgres
let place: TemporaryStore

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  for (const database of ['places', 'hidden', 'awkward']) await server.createDatabase(database)
  await server.query(
    `CREATE EXTENSION hstore;
     CREATE EXTENSION citext;
     CREATE TABLE users (id int PRIMARY KEY);
     INSERT INTO users SELECT generate_series(1, 70);
     CREATE TABLE places (id serial PRIMARY KEY, owner int REFERENCES users, tags hstore);
     INSERT INTO places (owner, tags) SELECT i, hstore('n', i::text) FROM generate_series(1, 30) i;
     COMMENT ON TABLE places IS 'where they are';
     CREATE VIEW tagged AS SELECT id FROM places WHERE tags ? 'n';
     CREATE TABLE visits (place int REFERENCES places);
     INSERT INTO visits VALUES (1), (2);
     CREATE FUNCTION first_tag(hstore) RETURNS text LANGUAGE sql AS $$ SELECT 'none' $$;
     CREATE TABLE names (name citext);
     INSERT INTO names VALUES ('Ada')`,
    'places',
  )
  // What a function's body needs is not in the archive's dependencies.
  await server.query(
    `CREATE EXTENSION hstore;
     CREATE FUNCTION has_tag(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1::public.hstore IS NOT NULL; END $$;
     CREATE TABLE tags (tag text CHECK (has_tag(tag)));
     INSERT INTO tags VALUES ('a=>1')`,
    'hidden',
  )
  await runFile(server, 'awkward', awkwardSqlFile)
  for (const [database, cluster, jobs] of [
    ['places', 'main', 1],
    ['places', 'folders', 2],
    ['hidden', 'main', 1],
    ['awkward', 'main', 1],
  ] as const)
    await createBackup({ store: place.store, connection: connectionTo(server, database), cluster, jobs })
})

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

const drill = (options: Partial<VerifyRestoreOptions>) =>
  verifyRestore({
    store: place.store,
    database: 'places',
    target: { kind: 'server', connection: connectionTo(server, 'postgres'), allowSourceCluster: true },
    record: false,
    skip: ['amcheck'],
    ...options,
  })

const absent = (name: string) => ({
  name: `no ${name}`,
  sql: `SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = '${name}')`,
})

describe('a drill without an extension', { timeout: 240_000 }, () => {
  it.each(['main', 'folders'])(
    'leaves out what needs it, proves the rest, and says so: cluster %s',
    async (cluster) => {
      const report = await drill({
        cluster,
        withoutExtensions: ['hstore'],
        assertions: [absent('hstore'), { name: 'no places', sql: `SELECT to_regclass('places') IS NULL` }],
      })
      expect(report.differences).toEqual([])
      expect(report.verdict).toBe('proven')
      expect(report.tables.map(({ name }) => name).toSorted()).toEqual(['names', 'users', 'visits'])
      // 70 users, 2 visits and a name.
      expect(report.totals).toMatchObject({ tables: 3, rows: 73, extensions: 2 })
      const leftOut = report.notChecked.filter((line) => line.startsWith('left out'))
      expect(leftOut.slice(0, 2)).toEqual([
        'left out as asked for: the extension hstore, and what needs it',
        'left out: the table public.places with its 30 rows',
      ])
      for (const name of [
        'VIEW public.tagged',
        'FUNCTION public.first_tag(public.hstore)',
        'FK CONSTRAINT public.visits visits_place_fkey',
        'COMMENT public.TABLE places',
      ])
        expect(leftOut[2]).toContain(name)
      expect(leftOut[2]).not.toContain('users')
    },
  )

  it('does nothing about one that the backup does not have', async () => {
    const report = await drill({ withoutExtensions: ['postgis'] })
    expect(report).toMatchObject({ verdict: 'proven', totals: { tables: 4, extensions: 3 } })
    expect(report.notChecked.filter((line) => line.startsWith('left out'))).toEqual([])
  })

  it('proves the rest of the awkward database', async () => {
    const extensions = ['hstore', 'postgres_fdw']
    const report = await drill({
      database: 'awkward',
      withoutExtensions: extensions,
      assertions: extensions.map(absent),
    })
    expect(report.differences).toEqual([])
    expect(report.notChecked.join('\n')).toMatch(/FOREIGN TABLE public\.remote/)
  })

  it.each([
    // A function's body, and the operator class of an exclusion constraint.
    ['hidden', 'hstore', /"public\.hstore" does not exist/],
    ['awkward', 'btree_gist', /no default operator class/],
  ])(
    'does not blame the backup where the rest needs it in a way that no archive tells: %s',
    async (database, extension, says) => {
      const refused = drill({ database, withoutExtensions: [extension] })
      await expect(refused).rejects.toMatchObject({ code: 'VERIFY_TARGET_LACKS' })
      await expect(refused).rejects.toThrow(says)
      const left = await server.query(String.raw`SELECT 1 FROM pg_database WHERE datname LIKE 'ops\_verify%'`)
      expect(left).toEqual([])
    },
  )
})
