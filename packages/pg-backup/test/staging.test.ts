import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectStore } from '@ops/object-store'
import { startFaultProxy, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createBackup, type CreateBackupOptions } from '../src/create-backup.ts'
import { listBackups } from '../src/list-backups.ts'
import { connectionTo, shell, temporaryFolder, temporaryStore, type TemporaryFolder } from './harness.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'

// A backup starts a dozen programs, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 })

const MB = 1_000_000
/** 16 tables of 1 MB each. */
const TABLES = 16

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  const numbers = Array.from({ length: TABLES }, (_, index) => index)
  await server.query(
    numbers
      .map(
        (number) =>
          `CREATE TABLE part_${number} AS SELECT encode(sha512(i::text::bytea), 'hex') AS x FROM generate_series(1, 7750) i;`,
      )
      .join('\n'),
    'app',
  )
})

afterAll(() => server?.stop())

/** Bytes in all files of a folder; what disappears meanwhile has none. */
async function sizeOf(folder: TemporaryFolder): Promise<number> {
  const entries = await readdir(folder.path, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(({ parentPath, name }) =>
      stat(join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** The states of the processes of `pg_dump` that dump into a folder, as `ps` says them: `T` is stopped. */
async function dumpStates(folder: TemporaryFolder): Promise<string[]> {
  const lines = (await shell('ps -A -o stat=,args=', {})).split('\n')
  return lines
    .filter((line) => line.includes('pg_dump') && line.includes(folder.path))
    .map((line) => line.trim()[0]!)
}

/** A store that keeps every file of a dump waiting until it is opened. */
function gated(store: ObjectStore): { store: ObjectStore; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    open: resolve,
    store: {
      ...store,
      put: async (key, ...rest) => {
        if (key.includes('/dump/')) await promise
        return store.put(key, ...rest)
      },
    },
  }
}

describe('a dump that is faster than the store', () => {
  it('waits while staging is full, and never has more in it than the bound and what came in the meantime', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    // 2 MB/s for each job: what pg_dump writes until it is stopped is little.
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    network.throttle(2 * MB)
    const { store, open } = gated(place.store)
    let most = 0
    const measuring = new AbortController()
    const measured = (async () => {
      while (!measuring.signal.aborted) {
        most = Math.max(most, await sizeOf(staging))
        await sleep(5)
      }
    })()
    const backup = createBackup({
      store,
      connection: { ...connectionTo(server, 'app'), host: network.host, port: network.port },
      jobs: 2,
      stagingFolder: staging.path,
      stagingMaxBytes: 4 * MB,
    })
    // All of its processes stand still: the leader and its two workers.
    await until(async () => {
      const states = await dumpStates(staging)
      return states.length === 3 && states.every((state) => state === 'T')
    })
    const stopped = await sizeOf(staging)
    expect(stopped).toBeGreaterThan(4 * MB)
    open()
    const { manifest } = await backup
    measuring.abort()
    await measured
    expect(most).toBeLessThan(4 * MB + 4 * MB)
    expect(manifest.tables).toHaveLength(TABLES)
    expect(manifest.tables.every(({ rows }) => rows === 7750)).toBe(true)
    expect(await readdir(staging.path)).toEqual([])
  })

  /** Over a network of 4 MB/s for each of two jobs, so that no look at staging comes too late. */
  async function takeInto(
    store: ObjectStore,
    staging: TemporaryFolder,
    options: Partial<CreateBackupOptions>,
  ): Promise<unknown> {
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    network.throttle(4 * MB)
    const { host, port } = network
    const connection = { ...connectionTo(server, 'app'), host, port }
    return await createBackup({ store, connection, jobs: 2, stagingFolder: staging.path, ...options })
  }

  it('fails when it was asked to, and leaves nothing', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    const { store, open } = gated(place.store)
    const backup = takeInto(store, staging, { stagingMaxBytes: 4 * MB, whenStagingIsFull: 'fail' })
    // Failing, it waits for the uploads that it aborts.
    void until(async () => (await dumpStates(staging)).length === 0 && (await sizeOf(staging)) > 0).then(open)
    await expect(backup).rejects.toMatchObject({
      code: 'BACKUP_STAGING_FULL',
      message: expect.stringMatching(/^staging has \d+ bytes, and may have 4000000/) as string,
    })
    expect(await readdir(staging.path)).toEqual([])
    expect(await listBackups({ store: place.store })).toEqual([])
    expect((await place.files()).filter((file) => file.includes('/dump/'))).toEqual([])
  })

  it('fails at once when the tables under way will never fit, and names them', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    await expect(takeInto(place.store, staging, { stagingMaxBytes: 100_000 })).rejects.toMatchObject({
      code: 'BACKUP_STAGING_FULL',
      message: expect.stringMatching(/under way: public\.part_\d+.*with one job none at all/s) as string,
    })
    expect(await readdir(staging.path)).toEqual([])
    expect(await dumpStates(staging)).toEqual([])
  })

  it('keeps to the rate that it may read at', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    const began = performance.now()
    await takeInto(place.store, staging, { rateLimitBytesPerSecond: 4 * MB })
    // 16 MB, which the network brings in 2 s. That it takes longer is always allowed.
    expect(performance.now() - began).toBeGreaterThan(3000)
  })
})

describe('a run that is killed', () => {
  it('leaves no pg_dump that would go on for nobody', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    network.throttle(2 * MB)
    const env = { ...server.env('app'), PGHOST: network.host, PGPORT: String(network.port) }
    const args = ['--jobs', '2', '--staging', staging.path]
    const run = startCli(['create', '--store', place.store.url, ...args], env)
    await until(async () => (await sizeOf(staging)) > 0)
    network.stall()
    run.kill('SIGKILL')
    expect((await run.ended).code).toBe(null)
    await until(async () => (await dumpStates(staging)).length === 0)
    expect(await listBackups({ store: place.store })).toEqual([])
  })
})
