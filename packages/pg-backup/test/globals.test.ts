import { text } from 'node:stream/consumers'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { backupFolder } from '../src/backup-set.ts'
import { createBackup } from '../src/create-backup.ts'
import type { Manifest } from '../src/manifest.ts'
import { restoreBackup, type RestoreBackupOptions, type RestoreResult } from '../src/restore-backup.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'

// A backup starts a dozen programs, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 })

let server: Postgres
let place: TemporaryStore
let manifest: Manifest

const ROLES = `
  CREATE ROLE owner LOGIN PASSWORD 'first' CREATEDB;
  CREATE ROLE "Semi;colon -- ""x""" NOLOGIN;
  ALTER ROLE owner SET search_path TO 'a;b', public;
  COMMENT ON ROLE owner IS E'two\\nlines; \\\\! touch /tmp/never';
  GRANT "Semi;colon -- ""x""" TO owner;
  GRANT pg_monitor TO owner;`
const DROP_ROLES = `DROP OWNED BY owner; DROP ROLE IF EXISTS owner, "Semi;colon -- ""x"""`

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  await server.query(ROLES)
  await server.createDatabase('app')
  await server.query('CREATE TABLE owned (x int); ALTER TABLE owned OWNER TO owner', 'app')
  const backup = await createBackup({
    store: place.store,
    connection: connectionTo(server, 'app'),
    globals: true,
  })
  manifest = backup.manifest
})

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

beforeEach(async () => {
  await server.query('DROP DATABASE IF EXISTS copy')
})

function restore(options: Partial<RestoreBackupOptions> = {}): Promise<RestoreResult> {
  return restoreBackup({
    store: place.store,
    manifest,
    connection: connectionTo(server, 'copy'),
    createDatabase: true,
    globals: true,
    ...options,
  })
}

/** Everything that a restore could get wrong about the two roles. */
async function roles(): Promise<unknown> {
  return server.query(`
    SELECT rolname, rolcreatedb, rolcanlogin, rolpassword, shobj_description(a.oid, 'pg_authid') AS comment,
           (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid AND setdatabase = 0) AS settings,
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = a.oid ORDER BY 1) AS member_of
      FROM pg_authid a WHERE rolname IN ('owner', 'Semi;colon -- "x"') ORDER BY 1`)
}

describe('the roles of a cluster', () => {
  it('are an object of the backup, and restored first', async () => {
    expect(manifest.objects.map(({ role }) => role)).toEqual(['dump', 'globals'])
    const before = await roles()
    await server.query('ALTER TABLE owned OWNER TO CURRENT_USER', 'app')
    await server.query(DROP_ROLES, 'app')
    const { globals } = await restore()
    expect(globals).toMatchObject({ rolesCreated: ['Semi;colon -- "x"', 'owner'], tablespacesCreated: [] })
    expect(globals!.rolesKept).toContain(server.user)
    expect(await roles()).toEqual(before)
    expect(await server.query(`SELECT tableowner FROM pg_tables WHERE tablename = 'owned'`, 'copy')).toEqual([
      { tableowner: 'owner' },
    ])
  })

  it('are left as they are where they exist, and named', async () => {
    await server.query(`ALTER ROLE owner PASSWORD 'second' NOCREATEDB`)
    const before = await roles()
    const { globals } = await restore()
    expect(globals).toMatchObject({
      rolesCreated: [],
      rolesKept: expect.arrayContaining(['owner', 'Semi;colon -- "x"', server.user]) as string[],
    })
    expect(await roles()).toEqual(before)
  })

  it('come without passwords where they are not wanted', async () => {
    await using other = await temporaryStore()
    const connection = connectionTo(server, 'app')
    const { manifest: without } = await createBackup({
      store: other.store,
      connection,
      globals: true,
      noRolePasswords: true,
      compression: { algorithm: 'none' },
    })
    expect(without.globals).toEqual({ rolePasswords: false })
    const object = without.objects.find(({ role }) => role === 'globals')!
    const script = await text(await other.store.get(`${backupFolder(without)}${object.name}`))
    expect(script).toMatch(/CREATE ROLE owner;/)
    expect(script).not.toMatch(/PASSWORD|SCRAM/)
  })

  it('cannot be had by a role that may not read them, and the error says what to do', async () => {
    await server.query(`CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON owned TO reader`, 'app')
    await using other = await temporaryStore()
    const connection = { ...connectionTo(server, 'app'), user: 'reader', password: 'reader' }
    await expect(createBackup({ store: other.store, connection, globals: true })).rejects.toMatchObject({
      code: 'BACKUP_DUMP_FAILED',
      message: expect.stringContaining('noRolePasswords') as string,
    })
    expect(await other.files()).toEqual([])
    const { manifest: without } = await createBackup({
      store: other.store,
      connection,
      globals: true,
      noRolePasswords: true,
    })
    expect(without.globals).toEqual({ rolePasswords: false })
    await server.query('DROP OWNED BY reader; DROP ROLE reader', 'app')
  })

  it('are refused where the backup has none', async () => {
    await using other = await temporaryStore()
    const backup = await createBackup({ store: other.store, connection: connectionTo(server, 'app') })
    const { manifest: without, manifestKey } = backup
    expect(without.globals).toBe(null)
    expect(manifestKey).toMatch(/manifest\.json$/)
    const failure = restore({ store: other.store, manifest: without })
    await expect(failure).rejects.toMatchObject({
      code: 'BACKUP_BAD_OPTIONS',
      message: expect.stringContaining('no roles and tablespaces') as string,
    })
  })
})

describe('tablespaces', () => {
  it('are created where they are missing; a place that is not there is named, before the database is touched', async () => {
    await using other = await temporaryStore()
    const connection = connectionTo(server, 'app')
    const script = Buffer.from(
      `CREATE ROLE passing;\nCREATE TABLESPACE fast OWNER ${server.user} LOCATION '/nowhere/fast';\n`,
    )
    const { manifest: plain, manifestKey } = await createBackup({
      store: other.store,
      connection,
      globals: true,
      compression: { algorithm: 'none' },
    })
    const globals = plain.objects.find(({ role }) => role === 'globals')!
    const { sha256 } = await other.store.put(manifestKey.replace('manifest.json', globals.name), script)
    const changed = {
      ...plain,
      objects: plain.objects.map((object) =>
        object === globals
          ? { ...object, sha256, storedBytes: script.length, rawBytes: script.length }
          : object,
      ),
    }
    await expect(restore({ store: other.store, manifest: changed })).rejects.toMatchObject({
      code: 'BACKUP_RESTORE_FAILED',
      message: expect.stringMatching(/\/nowhere\/fast.*nothing else was restored/s) as string,
    })
    expect(await server.query(`SELECT 1 FROM pg_database WHERE datname = 'copy'`)).toEqual([])
    await server.query('DROP ROLE passing')
  })
})
