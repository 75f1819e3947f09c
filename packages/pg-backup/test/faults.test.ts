import { execFile } from 'node:child_process'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startFaultProxy, startPostgres, type FaultProxy, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listBackups } from '../src/list-backups.ts'
import { temporaryStore, type TemporaryStore } from './harness.ts'
import { startCli, type EndedCli, type RunningCli } from './start-cli.ts'
import { until } from './until.ts'

/** Faults of the server, of `pg_dump` and of the folder, in the middle of a dump. */
let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  // 24 MB of rows that compress badly.
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, encode(sha512(i::text::bytea), 'hex') AS name FROM generate_series(1, 175000) i`,
    'app',
  )
})

afterAll(() => server?.stop())

interface HalfWay {
  readonly run: RunningCli
  /** In front of the server; nothing gets through it until it is healed. */
  readonly network: FaultProxy
  readonly place: TemporaryStore
}

/** Starts a backup into a folder, and stops the flow of rows once some are stored. */
async function halfWay(place: TemporaryStore, network: FaultProxy): Promise<HalfWay> {
  network.throttle(4_000_000)
  const env = { ...server.env('app'), PGHOST: network.host, PGPORT: String(network.port) }
  const run = startCli(['create', '--json', '--store', place.store.url], env)
  await until(async () => {
    const dump = (await place.files()).find((file) => file.endsWith('-dump.pgc.zst'))
    return dump !== undefined && (await stat(dump)).size > 0
  })
  network.stall()
  return { run, network, place }
}

/** One clear line for people, the code for programs, and no process that goes on. */
async function expectFailure(run: RunningCli, code: string, says: RegExp): Promise<EndedCli> {
  const ended = await run.ended
  expect(ended.stderr).toMatch(says)
  expect(ended.stderr.trim()).toMatch(new RegExp(String.raw`\[${code}\]$`))
  expect(ended.stderr).not.toMatch(/^\s+at /m)
  expect(ended.code).toBe(1)
  const events = ended.stdout.trim().split('\n')
  expect(JSON.parse(events.at(-1)!)).toMatchObject({ event: 'failed', error: { code } })
  expect(await run.processes()).toEqual([])
  return ended
}

describe('in the middle of a dump', () => {
  interface Fault {
    readonly happens: (held: HalfWay) => Promise<unknown>
    readonly code: string
    readonly says: RegExp
    readonly afterwards?: () => Promise<unknown>
  }

  const faults: Record<string, Fault> = {
    'pg_dump is killed': {
      happens: async ({ run }) => {
        const pgDump = (await run.processes()).find(({ name }) => name === 'pg_dump')
        process.kill(pgDump!.pid, 'SIGKILL')
      },
      code: 'BACKUP_DUMP_FAILED',
      says: /the dump of database "app" .* failed: pg_dump was killed by SIGKILL/,
    },
    'an administrator ends its session': {
      happens: ({ network }) => {
        network.heal()
        network.throttle(4_000_000)
        return server.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'`,
        )
      },
      code: 'BACKUP_DUMP_FAILED',
      // A session that is ended in the middle of a row cannot say why any more.
      says: /the dump of database "app" .*pg_dump ended with exit code 1: .*"people".*(terminating connection due to administrator command|server closed the connection)/s,
    },
    'the connection breaks': {
      happens: async ({ network }) => network.sever('reset'),
      code: 'BACKUP_DUMP_FAILED',
      says: /the dump of database "app" .*pg_dump ended with exit code 1: .*"people"/s,
    },
    'the server dies': {
      happens: async ({ network }) => {
        await server.kill('SIGKILL')
        network.heal()
        network.throttle(4_000_000)
      },
      code: 'BACKUP_DUMP_FAILED',
      says: /the dump of database "app" .*pg_dump ended with exit code 1: .*"people"/s,
      afterwards: () => server.restart(),
    },
    'the folder disappears': {
      happens: async ({ network, place }) => {
        await rm(place.folder, { recursive: true })
        network.heal()
      },
      code: 'BACKUP_STORE_FAILED',
      says: /the store failed while storing main\/logical\/app\/.*\/dump\.pgc\.zst: .*(gone|disappeared|mounted|no such|not there|does not exist)/is,
    },
  }

  it.each(Object.entries(faults))('%s: nothing is published, and nothing stays', async (_name, fault) => {
    await using place = await temporaryStore()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    const held = await halfWay(place, network)
    await fault.happens(held)
    await expectFailure(held.run, fault.code, fault.says)
    await mkdir(place.folder, { recursive: true })
    expect(await place.files()).toEqual([])
    expect(await listBackups({ store: place.store })).toEqual([])
    await fault.afterwards?.()
  })

  it('the bin is killed: a temporary file stays, which is no object', async () => {
    await using place = await temporaryStore()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    const { run } = await halfWay(place, network)
    run.kill('SIGKILL')
    expect((await run.ended).code).toBe(null)
    network.heal()
    await until(async () => (await run.processes()).length === 0)
    expect(await place.files()).toEqual([expect.stringMatching(/\/\.upload-[^/]*-dump\.pgc\.zst$/)])
    for await (const { key } of place.store.list({ prefix: 'main/logical/' }))
      expect.fail(`${key} looks like an object`)
    expect(await listBackups({ store: place.store })).toEqual([])
  })
})

describe('a full disk', () => {
  it('ends with one clear line, and has its space back', async (context) => {
    await using place = await temporaryStore()
    const disk = join(place.folder, 'disk')
    await mkdir(disk)
    const mounted = await smallDisk(disk)
    if (mounted !== undefined) context.skip(`no small file system can be mounted here: ${mounted}`)
    try {
      const run = startCli(['create', '--json', '--store', `file://${disk}`], server.env('app'))
      await expectFailure(run, 'BACKUP_STORE_FAILED', /the store failed while storing .*(no space|full)/is)
      // The end of the run's turn is what stays.
      expect((await place.files()).filter((file) => !file.endsWith('.released.json'))).toEqual([])
    } finally {
      await promisify(execFile)('umount', [disk])
    }
  })

  /** Mounts 4 MiB of memory, or says why it cannot. */
  function smallDisk(folder: string): Promise<string | undefined> {
    return promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).then(
      () => undefined,
      (error: Error) => error.message,
    )
  }
})
