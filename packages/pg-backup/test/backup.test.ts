import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkBackup } from '../src/check-backup.ts'
import { createBackup, type BackupProgress } from '../src/create-backup.ts'
import { digestDatabase } from '../src/digest-database.ts'
import { findBackup, listBackups } from '../src/list-backups.ts'
import { manifestJsonSchema, parseManifest, readManifest } from '../src/manifest.ts'
import { restoreBackup } from '../src/restore-backup.ts'
import { CHINOOK, connectionTo, hasChinook, runScript, shell, temporaryStore } from './harness.ts'

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  await server.query(
    `CREATE TABLE people (id int PRIMARY KEY, name text);
     INSERT INTO people SELECT i, 'person ' || i FROM generate_series(1, 1000) i;
     CREATE SEQUENCE tickets; SELECT setval('tickets', 41);
     SELECT lo_from_bytea(0, '\\x00ff');`,
    'app',
  )
})

afterAll(() => server?.stop())

describe('a backup', () => {
  it('is published with a manifest that says what is in it', async () => {
    await using place = await temporaryStore()
    const events: BackupProgress[] = []
    const result = await createBackup({
      store: place.store,
      connection: connectionTo(server, 'app'),
      onProgress: (event) => events.push(event),
    })

    const manifest = await readManifest({ store: place.store, backup: result })
    expect(manifest).toEqual(JSON.parse(JSON.stringify(result.manifest)))
    expect(manifest.tables).toMatchObject([{ schema: 'public', name: 'people', rows: 1000 }])
    expect(manifest.sequences).toMatchObject([
      { schema: 'public', name: 'tickets', value: expect.stringContaining('41') as string },
    ])
    expect(manifest.largeObjects).toMatchObject({ count: 1, bytes: 2 })
    expect(manifest.extensions.map((each) => each.name)).toEqual(['plpgsql'])
    expect(manifest.server.systemIdentifier).toMatch(/^\d{19}$/)
    expect(manifest.snapshotLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
    expect(events.map((event) => event.phase)).toEqual(expect.arrayContaining(['connect', 'dump', 'publish']))
    expect(await place.files()).toHaveLength(2)
  })

  it('is found by its id and as the latest, and listed oldest first', async () => {
    await using place = await temporaryStore()
    const take = (now: string) =>
      createBackup({ store: place.store, connection: connectionTo(server, 'app'), now: () => new Date(now) })
    const second = await take('2026-02-02T00:00:00Z')
    const first = await take('2026-01-01T00:00:00Z')

    expect(await listBackups({ store: place.store })).toMatchObject([{ id: first.id }, { id: second.id }])
    expect(await findBackup({ store: place.store, database: 'app', id: 'latest' })).toMatchObject({
      id: second.id,
    })
    expect(await findBackup({ store: place.store, database: 'app', id: first.id })).toMatchObject({
      startedAt: '2026-01-01T00:00:00.000Z',
    })
    await expect(findBackup({ store: place.store, database: 'other', id: 'latest' })).rejects.toMatchObject({
      code: 'BACKUP_NOT_FOUND',
    })
  })

  it('comes back equal: rows, sequences, large objects and definitions', async () => {
    await using place = await temporaryStore()
    const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'app') })
    await checkBackup({ store: place.store, manifest })
    const target = connectionTo(server, 'app_restored')
    await restoreBackup({ store: place.store, manifest, connection: target, createDatabase: true })

    const { contents } = await digestDatabase({ connection: target })
    expect(contents.tables).toEqual(manifest.tables)
    expect(contents.sequences).toEqual(manifest.sequences)
    expect(contents.largeObjects).toEqual(manifest.largeObjects)
    await server.query('DROP DATABASE app_restored')
  })

  it('comes back into a database that sorts as its own does', async () => {
    await using place = await temporaryStore()
    await server.query(
      `CREATE DATABASE by_icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'`,
    )
    await server.query(
      `CREATE TABLE t (name text CHECK (name > 'a')); INSERT INTO t VALUES ('Banana')`,
      'by_icu',
    )
    const { manifest } = await createBackup({
      store: place.store,
      connection: connectionTo(server, 'by_icu'),
    })
    expect(manifest.server).toMatchObject({ localeProvider: 'icu', locale: 'en-US' })
    const target = connectionTo(server, 'by_icu_restored')
    await restoreBackup({ store: place.store, manifest, connection: target, createDatabase: true })

    expect(await server.query(`SELECT 'Banana' > 'a' AS "isSorted"`, 'by_icu_restored')).toEqual([
      { isSorted: true },
    ])
    await server.query('DROP DATABASE by_icu')
    await server.query('DROP DATABASE by_icu_restored')
  })

  it('is restored by stock tools alone: zstd and pg_restore', async () => {
    await using place = await temporaryStore()
    const { manifest, manifestKey } = await createBackup({
      store: place.store,
      connection: connectionTo(server, 'app'),
    })
    const dump = join(place.folder, manifestKey.replace('manifest.json', manifest.objects[0]!.name))
    await server.createDatabase('stock')
    await shell(`zstd -dc "$DUMP" | pg_restore --exit-on-error --dbname=stock`, {
      ...server.env('stock'),
      DUMP: dump,
    })

    const { contents } = await digestDatabase({ connection: connectionTo(server, 'stock') })
    expect(contents.tables).toEqual(manifest.tables)
    await server.query('DROP DATABASE stock')
  })

  it('holds the chinook data set, whole', async (context) => {
    if (!hasChinook) context.skip(`no data set at ${CHINOOK}`)
    await using place = await temporaryStore()
    await runScript(server, 'postgres', CHINOOK)
    const { manifest } = await createBackup({
      store: place.store,
      connection: connectionTo(server, 'chinook_serial'),
    })
    expect(manifest.tables).toHaveLength(11)
    expect(manifest.tables.find((table) => table.name === 'track')?.rows).toBe(3503)

    const target = connectionTo(server, 'chinook_restored')
    await restoreBackup({ store: place.store, manifest, connection: target, createDatabase: true })
    const { contents } = await digestDatabase({ connection: target })
    expect(contents.tables).toEqual(manifest.tables)
    expect(contents.sequences).toEqual(manifest.sequences)
  })
})

describe('a restore', () => {
  it('refuses a database that has tables, and says how to go on', async () => {
    await using place = await temporaryStore()
    const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'app') })
    const refused = restoreBackup({ store: place.store, manifest, connection: connectionTo(server, 'app') })
    await expect(refused).rejects.toMatchObject({
      code: 'BACKUP_TARGET_NOT_EMPTY',
      message: expect.stringContaining('--create') as string,
    })
  })

  it('writes nothing when an object is damaged, truncated or gone', async () => {
    await using place = await temporaryStore()
    const { manifest, manifestKey } = await createBackup({
      store: place.store,
      connection: connectionTo(server, 'app'),
    })
    const key = manifestKey.replace('manifest.json', manifest.objects[0]!.name)
    const dump = await readFile(join(place.folder, key))
    const restore = () =>
      restoreBackup({
        store: place.store,
        manifest,
        connection: connectionTo(server, 'never'),
        createDatabase: true,
      })

    const flipped = Buffer.from(dump)
    flipped[dump.length >> 1]! ^= 1
    await place.store.put(key, flipped)
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_OBJECT_DAMAGED' })
    await place.store.put(key, dump.subarray(0, -1))
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_OBJECT_DAMAGED' })
    await place.store.delete([key])
    await expect(restore()).rejects.toMatchObject({
      code: 'BACKUP_OBJECT_DAMAGED',
      message: expect.stringContaining('missing') as string,
    })
    expect(
      await server.query(`SELECT count(*)::int AS found FROM pg_database WHERE datname = 'never'`),
    ).toMatchObject([{ found: 0 }])
  })

  it('drops the database that it created when pg_restore fails', async () => {
    await using place = await temporaryStore()
    await server.query('CREATE ROLE passing')
    await server.createDatabase('roles')
    await server.query(`CREATE TABLE owned (a int); ALTER TABLE owned OWNER TO passing`, 'roles')
    const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'roles') })
    await server.query(`DROP DATABASE roles`)
    await server.query(`DROP ROLE passing`)

    const target = connectionTo(server, 'roles_restored')
    const restore = (noOwner: boolean) =>
      restoreBackup({ store: place.store, manifest, connection: target, createDatabase: true, noOwner })
    await expect(restore(false)).rejects.toMatchObject({
      code: 'BACKUP_RESTORE_FAILED',
      message: expect.stringMatching(/role "passing" does not exist.*dropped again/s) as string,
    })
    await restore(true)
    await server.query('DROP DATABASE roles_restored')
  })
})

describe('the manifest', () => {
  it('keeps what a newer minor version wrote and this one does not know', async () => {
    await using place = await temporaryStore()
    const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'app') })
    const newer = {
      ...manifest,
      colour: 'red',
      tables: manifest.tables.map((table) => ({ ...table, colour: 'blue' })),
    }
    expect(parseManifest(JSON.stringify(newer), 'k')).toEqual(JSON.parse(JSON.stringify(newer)))
  })

  it('has a published schema that is up to date', async () => {
    const file = join(import.meta.dirname, '../schema/manifest.schema.json')
    await expect(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(file)
  })
})
