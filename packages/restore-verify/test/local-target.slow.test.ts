import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostname } from 'node:os'
import { createBackup, type BackupResult } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { phaseNames, type PhaseTime } from '../src/report.ts'
import { verifyRestore, type VerifyRestoreOptions } from '../src/verify-restore.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'
import { drillUntil } from './killed-drill.ts'

/** Drills into an ephemeral PostgreSQL from the programs on this machine. */
const CLI = join(import.meta.dirname, '../src/cli.ts')

let server: Postgres
let place: TemporaryStore
/** Where the drills' servers have their folders: this test's own, so that others do not meddle. */
let room: TemporaryStore
let backup: BackupResult

beforeAll(async () => {
  server = await startPostgres({ settings: { allow_in_place_tablespaces: 'on' } })
  place = await temporaryStore()
  await server.createDatabase('shop')
  await server.query(`CREATE TABLESPACE "Fast disk" LOCATION ''`)
  await server.query(
    'CREATE ROLE shop_owner; CREATE ROLE "Weird ""reader"; CREATE ROLE policy_role; CREATE ROLE default_role',
  )
  await server.query(
    `CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL) TABLESPACE "Fast disk";
     INSERT INTO orders SELECT i, now() - i * interval '1 minute' FROM generate_series(1, 1000) i;
     ALTER TABLE orders OWNER TO shop_owner;
     GRANT SELECT ON orders TO "Weird ""reader" WITH GRANT OPTION;
     ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
     CREATE POLICY mine ON orders AS RESTRICTIVE FOR SELECT TO policy_role, "Weird ""reader" USING (id > 0);
     ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT SELECT ON TABLES TO default_role`,
    'shop',
  )
  const connection = connectionTo(server, 'shop')
  backup = await createBackup({ store: place.store, connection })
  await createBackup({ store: place.store, connection, cluster: 'folders', jobs: 2 })
})

beforeEach(async () => {
  await room?.[Symbol.asyncDispose]()
  room = await temporaryStore()
  // The server of a drill that root runs belongs to another user.
  await chmod(room.folder, 0o711)
})

afterAll(async () => {
  await server?.stop()
  await place?.[Symbol.asyncDispose]()
  await room?.[Symbol.asyncDispose]()
})

const drill = (options: Partial<VerifyRestoreOptions> = {}) =>
  verifyRestore({
    store: place.store,
    database: 'shop',
    target: { kind: 'local', folder: room.folder },
    record: false,
    ...options,
  })

/** Processes that work in a folder of this test. */
async function processesIn(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return places.filter((cwd) => cwd.startsWith(`${folder}/`))
}

async function untilNothingRunsIn(folder: string): Promise<void> {
  while ((await processesIn(folder)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('a drill into an ephemeral server', () => {
  it('proves a backup, making the roles and tablespaces that it needs, and leaves nothing behind', async () => {
    const report = await drill({
      assertions: [{ name: 'orders', sql: 'SELECT count(*) FROM orders', min: 1000, max: 1000 }],
    })
    expect(report.differences).toEqual([])
    expect(report).toMatchObject({ verdict: 'proven', target: { kind: 'local', database: 'drill' } })
    expect(report.adaptations).toEqual([
      `roles that the target lacked were made for the drill: Weird "reader, default_role, policy_role, shop_owner`,
      "tablespaces lie in the ephemeral server's own folder: Fast disk",
    ])
    expect(report.checks.find((each) => each.check === 'amcheck')).toMatchObject({ result: 'pass' })
    expect(await readdir(room.folder)).toEqual([])
    await untilNothingRunsIn(room.folder)
  })

  it('listens on no network, and its folder is closed to others', async () => {
    const modes: string[] = []
    const report = await drill({
      assertions: [
        { name: 'no network', sql: `SELECT current_setting('listen_addresses') = ''` },
        { name: 'no replication', sql: `SELECT current_setting('max_wal_senders')::int`, max: 0 },
        { name: 'passwords', sql: `SELECT bool_and(auth_method = 'scram-sha-256') FROM pg_hba_file_rules` },
      ],
      onProgress: ({ phase }) => {
        if (phase !== 'inspect') return
        const [folder] = readdirSync(room.folder)
        modes.push((statSync(join(room.folder, folder!, 'server')).mode & 0o777).toString(8))
      },
    })
    expect(report.differences).toEqual([])
    expect(modes).toEqual(['700'])
  })

  it('refuses a target without the roles when it may not make them, naming them', async () => {
    await expect(drill({ roles: 'require' })).rejects.toMatchObject({
      code: 'VERIFY_TARGET_LACKS',
      details: {
        lacks: expect.arrayContaining(['the role "shop_owner"', 'the role "policy_role"']) as string[],
      },
    })
    expect(await readdir(room.folder)).toEqual([])
  })

  it('sorts by "C" where the locale is unknown, and says so; or refuses', async () => {
    const manifest = {
      ...backup.manifest,
      server: { ...backup.manifest.server, collate: 'xx_XX.UTF-8', ctype: 'xx_XX.UTF-8' },
    }
    const original = await readFile(join(place.folder, backup.manifestKey))
    await place.store.put(backup.manifestKey, Buffer.from(JSON.stringify(manifest)))
    try {
      const report = await drill({ skip: ['amcheck'] })
      expect(report.verdict).toBe('proven')
      expect(report.adaptations.at(-1)).toContain('lacks the locale "xx_XX.UTF-8"')
      await expect(drill({ locale: 'require' })).rejects.toMatchObject({ code: 'VERIFY_TARGET_LACKS' })
    } finally {
      await place.store.put(backup.manifestKey, original)
    }
  })

  it('names an extension that the target does not have, and blames the target', async () => {
    const manifest = {
      ...backup.manifest,
      extensions: [...backup.manifest.extensions, { name: 'not_installed', version: '1', schema: 'public' }],
    }
    const original = await readFile(join(place.folder, backup.manifestKey))
    await place.store.put(backup.manifestKey, Buffer.from(JSON.stringify(manifest)))
    try {
      await expect(drill()).rejects.toThrow(/says nothing about the backup.*extension "not_installed"/)
    } finally {
      await place.store.put(backup.manifestKey, original)
    }
  })

  it('refuses a backup that cannot fit, and is stopped when it takes more than it may', async () => {
    await expect(
      drill({ target: { kind: 'local', folder: room.folder, maxDiskBytes: 1000 } }),
    ).rejects.toMatchObject({
      code: 'VERIFY_NO_SPACE',
    })
    // An empty cluster has more than this by itself.
    const bytes = 1024 * 1024
    await expect(
      drill({ target: { kind: 'local', folder: room.folder, maxDiskBytes: bytes } }),
    ).rejects.toMatchObject({ code: 'VERIFY_NO_SPACE' })
    expect(await readdir(room.folder)).toEqual([])
  })

  it('says which version it needs when there is none', async () => {
    const env = { ...process.env, OPS_PG_BIN: room.folder }
    await expect(drill({ env })).rejects.toMatchObject({
      code: 'VERIFY_TARGET_UNAVAILABLE',
      message: expect.stringContaining(`postgresql-${backup.manifest.server.major}`) as string,
    })
  })

  it('fails the RPO and the RTO without blaming the backup', async () => {
    const report = await drill({ maxAgeMs: 1, maxRecoveryMs: 1, skip: ['amcheck'] })
    expect(report).toMatchObject({ verdict: 'disproven', backupVerdict: 'proven' })
    expect(report.differences.map((each) => each.check)).toEqual(['freshness', 'duration'])
  })

  it('fails on assertions that do not hold, cannot be run, or are out of bounds', async () => {
    const report = await drill({
      skip: ['amcheck'],
      assertions: [
        { name: 'holds', sql: 'SELECT count(*) = 1000 FROM orders;' },
        {
          name: 'young',
          sql: `SELECT max(at) > current_setting('ops.backup_started_at')::timestamptz - interval '1 h' FROM orders`,
        },
        { name: 'false', sql: 'SELECT false' },
        { name: 'null', sql: 'SELECT NULL::boolean' },
        { name: 'broken', sql: 'SELECT * FROM nowhere' },
        { name: 'few', sql: 'SELECT count(*) FROM orders', min: 1001 },
        { name: 'many', sql: 'SELECT count(*) FROM orders', max: 999 },
        { name: 'no number', sql: `SELECT 'x'`, min: 1 },
        { name: 'writes', sql: 'DELETE FROM orders RETURNING true' },
      ],
    })
    expect(report.backupVerdict).toBe('disproven')
    expect(report.differences.map((each) => each.object)).toEqual([
      'false',
      'null',
      'broken',
      'few',
      'many',
      'no number',
      'writes',
    ])
  })
})

describe('a drill on a given server that has neither the roles nor the tablespaces', () => {
  let given: Postgres

  beforeAll(async () => {
    given = await startPostgres()
  })

  afterAll(() => given?.stop())

  const drillThere = (options: Partial<VerifyRestoreOptions>) =>
    drill({ target: { kind: 'server', connection: connectionTo(given, 'postgres') }, ...options })
  const SAYS = 'everything lies in one tablespace, because the target lacks: Fast disk'

  const roles = async (): Promise<unknown[]> =>
    (await given.query(`SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`)).map(
      (row) => row['rolname'],
    )

  it('asks for the roles, and not for the tablespaces', async () => {
    await expect(drillThere({})).rejects.toMatchObject({
      code: 'VERIFY_TARGET_LACKS',
      details: {
        lacks: [
          'the role "Weird "reader"',
          'the role "default_role"',
          'the role "policy_role"',
          'the role "shop_owner"',
        ],
      },
    })
  })

  it('makes the roles when it may, lays everything in one tablespace, and drops them again', async () => {
    const before = await roles()
    const report = await drillThere({ roles: 'create' })
    expect(report.differences).toEqual([])
    expect(report).toMatchObject({ verdict: 'proven' })
    expect(report.adaptations).toContain(SAYS)
    expect(await roles()).toEqual(before)
  })

  it('without owners and grants needs the roles of policies alone', async () => {
    const without = { noOwner: true, noPrivileges: true }
    await expect(drillThere(without)).rejects.toMatchObject({
      details: { lacks: ['the role "Weird "reader"', 'the role "policy_role"'] },
    })
    await given.query('CREATE ROLE policy_role; CREATE ROLE "Weird ""reader"')
    const report = await drillThere(without)
    expect(report.differences).toEqual([])
    expect(report.adaptations).toEqual([SAYS])
    await given.query('DROP ROLE policy_role; DROP ROLE "Weird ""reader"')
  })

  it('killed after it made roles is cleaned up after by the next one', async () => {
    const before = await roles()
    const killed = await drillUntil('restore', place.folder, {
      database: 'shop',
      target: { kind: 'server', connection: connectionTo(given, 'postgres') },
      roles: 'create',
    })
    expect(await roles()).not.toEqual(before)
    await killed.kill()
    const sessions = String.raw`SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'ops\_verify\_%'`
    while ((await given.query(sessions)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    await drillThere({ roles: 'create' })
    expect(await roles()).toEqual(before)
  })
})

describe.runIf(process.platform === 'linux')('a drill that is killed', () => {
  const there = () => ({
    database: 'shop',
    target: { kind: 'local' as const, folder: room.folder },
    stagingFolder: room.folder,
  })
  const standing = (phase: PhaseTime['phase'], options: object = {}) =>
    drillUntil(phase, place.folder, { ...there(), ...options })

  it.each(phaseNames)(
    'in the phase "%s" leaves no process, and the next one removes its folder',
    async (phase) => {
      const killed = await standing(phase)
      await killed.kill()
      await untilNothingRunsIn(room.folder)
      await drill({ skip: ['amcheck'] })
      expect(await readdir(room.folder)).toEqual([])
    },
  )

  it('while it cleans up leaves no process, and the next one removes what is left', async () => {
    const killed = await drillUntil('clean up', place.folder, there(), 'go on')
    await killed.kill()
    await untilNothingRunsIn(room.folder)
    await drill({ skip: ['amcheck'] })
    expect(await readdir(room.folder)).toEqual([])
  })

  it('with a dump unpacked beside it is cleaned up after by the next one', async () => {
    const killed = await standing('digest', { cluster: 'folders' })
    expect(await readdir(room.folder)).toHaveLength(2)
    await killed.kill()
    await untilNothingRunsIn(room.folder)
    await drill({ cluster: 'folders', stagingFolder: room.folder, skip: ['amcheck'] })
    expect(await readdir(room.folder)).toEqual([])
  })

  it('together with its guard is cleaned up after by the next one', async () => {
    const killed = await standing('digest')
    const [folder] = await readdir(room.folder)
    // The guard is the parent of the server's main process.
    const pid = (await readFile(join(room.folder, folder!, 'server/data/postmaster.pid'), 'utf8')).split(
      '\n',
    )[0]!
    const guard = Number((await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[1])
    process.kill(guard, 'SIGKILL')
    await killed.kill()
    expect(await processesIn(room.folder)).not.toEqual([])
    await drill({ skip: ['amcheck'] })
    expect(await readdir(room.folder)).toEqual([])
    await untilNothingRunsIn(room.folder)
  })

  it('stopped by SIGTERM cleans up before it ends', async () => {
    const child = spawn(
      process.execPath,
      [CLI, 'run', '--of', 'shop', '--store', place.store.url, '--folder', room.folder, '--no-record'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const closed = once(child, 'close')
    while ((await readdir(room.folder)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGTERM')
    expect((await closed)[0]).toBe(143)
    expect(await readdir(room.folder)).toEqual([])
  })
})

describe('the next drill leaves alone', () => {
  it('what is not marked, what lives, and what belongs to another machine', async () => {
    const owners: Record<string, object | string | undefined> = {
      'ops-restore-verify-living': {
        host: hostname(),
        pid: process.pid,
        startedAt: null,
        at: '2026-01-01T00:00:00Z',
      },
      'ops-restore-verify-elsewhere': {
        host: 'elsewhere',
        pid: 999_999_999,
        startedAt: null,
        at: '2026-01-01T00:00:00Z',
      },
      'ops-restore-verify-garbage': '{"pid":',
      'ops-restore-verify-unmarked': undefined,
    }
    for (const [name, owner] of Object.entries(owners)) {
      await mkdir(join(room.folder, name))
      if (owner !== undefined)
        await writeFile(
          join(room.folder, name, 'owner.json'),
          typeof owner === 'string' ? owner : JSON.stringify(owner),
        )
    }
    await mkdir(join(room.folder, 'ops-restore-verify-dead'))
    await writeFile(
      join(room.folder, 'ops-restore-verify-dead/owner.json'),
      JSON.stringify({ host: hostname(), pid: process.pid, startedAt: '1', at: '2026-01-01T00:00:00Z' }),
    )
    await drill({ skip: ['amcheck'] })
    expect((await readdir(room.folder)).toSorted()).toEqual(Object.keys(owners).toSorted())
  })
})
