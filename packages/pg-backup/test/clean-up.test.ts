import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackup, type BackupResult, type CreateBackupOptions } from '../src/create-backup.ts'
import { makeStagingFolder } from '../src/staging-folder.ts'
import { connectionTo, temporaryFolder, temporaryStore, type TemporaryStore } from './harness.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'

/** What dead runs left, in the store and in staging. */
let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 10) AS id', 'app')
})

afterAll(() => server?.stop())

const HOUR_MS = 3_600_000
const idOf = (time: Date): string => `${time.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-dead00`
const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * HOUR_MS)

/** Files below a database's folder, as old as their set's id. */
async function leave(
  { folder }: TemporaryStore,
  database: string,
  age: Date,
  names: string[],
): Promise<string[]> {
  const keys = names.map((name) => `main/logical/${database}/${idOf(age)}/${name}`)
  for (const key of keys) {
    await mkdir(dirname(join(folder, key)), { recursive: true })
    await writeFile(join(folder, key), 'left')
    await utimes(join(folder, key), age, age)
  }
  return keys
}

async function backUp(
  place: TemporaryStore,
  options: Partial<CreateBackupOptions> = {},
): Promise<BackupResult> {
  return createBackup({ store: place.store, connection: connectionTo(server, 'app'), ...options })
}

const upload = (at: Date, name: string): string => `.upload-${at.getTime().toString(36)}-0123456789ab-${name}`

describe('a backup removes what dead runs of its database left', () => {
  it('objects without a manifest and unfinished uploads that are older than the grace period', async () => {
    await using place = await temporaryStore()
    const old = hoursAgo(30)
    const orphans = await leave(place, 'app', old, ['dump.pgc.zst', 'dump/1.dat.zst'])
    await leave(place, 'app', hoursAgo(28), [upload(hoursAgo(28), 'dump.pgc.zst')])
    const { id, removedLeftovers } = await backUp(place)
    expect(removedLeftovers).toEqual([...orphans, expect.stringContaining('dump.pgc.zst (upload ') as string])
    expect((await place.files()).every((path) => path.includes(id))).toBe(true)
  })

  it('and nothing else: what is young, published, being deleted, or of another database', async () => {
    await using place = await temporaryStore()
    const before = [
      ...(await leave(place, 'app', hoursAgo(23), ['dump.pgc.zst'])),
      ...(await leave(place, 'app', hoursAgo(22), [upload(hoursAgo(22), 'dump.pgc.zst')])),
      ...(await leave(place, 'app', hoursAgo(50), ['dump.pgc.zst', 'manifest.json'])),
      ...(await leave(place, 'app', hoursAgo(51), ['dump.pgc.zst', 'retention-deleting.json'])),
      ...(await leave(place, 'app2', hoursAgo(52), ['dump.pgc.zst', upload(hoursAgo(52), 'dump.pgc.zst')])),
    ]
    const { id, removedLeftovers } = await backUp(place)
    expect(removedLeftovers).toEqual([])
    const after = (await place.files()).filter((path) => !path.includes(id))
    expect(after.toSorted()).toEqual(before.map((key) => join(place.folder, key)).toSorted())
  })

  it('but not without a lease, which tells that their runs are dead', async () => {
    await using place = await temporaryStore()
    await leave(place, 'app', hoursAgo(30), ['dump.pgc.zst'])
    expect(await backUp(place, { lease: false })).toMatchObject({ leased: false, removedLeftovers: [] })
    expect(await place.files()).toHaveLength(3)
  })

  it('a killed run included, as soon as the grace period is over', async () => {
    await using place = await temporaryStore()
    const lock = `BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)`
    const locking = server.query(lock, 'app').catch(() => undefined)
    const run = startCli(['create', '--store', place.store.url], server.env('app'))
    const files = async (): Promise<string[]> => await place.files()
    await until(isWaiting)
    run.kill('SIGKILL')
    await run.ended
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
    )
    await locking
    // The dead run's lease has to expire first; and its leftovers have to be old enough.
    const later = (): Date => new Date(Date.now() + 25 * HOUR_MS)
    const { id } = await backUp(place, { now: later })
    expect((await files()).filter((path) => !path.includes(id))).toEqual([])
  })

  async function isWaiting(): Promise<boolean> {
    return (
      (
        await server.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`,
        )
      ).length > 0
    )
  }

  it('staging folders of processes that are gone, and no others', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    const of = (database: string): { cluster: string; database: string; id: string } => ({
      cluster: 'main',
      database,
      id: idOf(hoursAgo(1)),
    })
    const alive = await makeStagingFolder(staging.path, of('app'))
    const ofOther = (await makeStagingFolder(staging.path, of('app2'))).replace(
      `~${process.pid}~`,
      '~999999999~',
    )
    const dead = alive.replace(`~${process.pid}~`, '~999999999~')
    for (const folder of [dead, ofOther]) await mkdir(folder)
    await writeFile(join(dead, 'toc.dat'), 'left')
    await mkdir(join(staging.path, 'ops-staging~main~app~of-a-person'))
    const before = await readdir(staging.path)
    const { removedLeftovers } = await backUp(place, { stagingFolder: staging.path })
    expect(removedLeftovers).toEqual([dead])
    expect(await readdir(staging.path)).toEqual(before.filter((name) => join(staging.path, name) !== dead))
  })

  it('and goes on when it cannot', async () => {
    await using place = await temporaryStore()
    await leave(place, 'app', hoursAgo(30), ['dump.pgc.zst'])
    const warnings: string[] = []
    const nothing = (): void => undefined
    const store = { ...place.store, delete: async (keys: readonly string[]) => keys.map(refused) }
    const result = await createBackup({
      store,
      connection: connectionTo(server, 'app'),
      logger: {
        debug: nothing,
        info: nothing,
        error: nothing,
        warn: (_fields, message) => void warnings.push(message),
      },
    })
    expect(result).toMatchObject({ removedLeftovers: [] })
    expect(warnings).toEqual(['objects without a manifest of dead runs could not be removed'])
  })

  function refused(key: string): { key: string; deleted: false; code: string; message: string } {
    return { key, deleted: false, code: 'STORE_ACCESS_DENIED', message: 'this role may not delete' }
  }
})
