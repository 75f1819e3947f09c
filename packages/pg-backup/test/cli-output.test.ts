import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasTerminal, needs, startOnTerminal, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { temporaryFolder, temporaryStore } from './harness.ts'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'
import { reset, startReceiver, status } from './webhook-receiver.ts'

// Every step is a process of its own, and a busy machine has many.
vi.setConfig({ testTimeout: 300_000 })

const CLI = `"${process.execPath}" "${join(import.meta.dirname, '../src/cli.ts')}"`

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 500) AS id', 'app')
})

afterAll(() => server?.stop())

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  startCli(args, { ...server.env('app'), ...env }).ended

describe('in a crontab, with --quiet,', () => {
  it('a success says nothing at all', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    const nothing = { code: 0, stdout: '', stderr: '' }
    expect(await run(['create', '--quiet'], env)).toEqual(nothing)
    expect(await run(['check', 'latest', '--of', 'app', '--quiet'], env)).toEqual(nothing)
    const restore = ['restore', 'latest', '--of', 'app', '--dbname', 'quietly', '--create', '--quiet']
    expect(await run(restore, env)).toEqual(nothing)
    await server.query('DROP DATABASE quietly')
  })

  it('a failure says one line, also when the program underneath says many', async () => {
    await using place = await temporaryStore()
    await server.query('CREATE ROLE nobody LOGIN')
    await server.query('REVOKE ALL ON people FROM PUBLIC', 'app')
    await server.query(`ALTER ROLE nobody PASSWORD 'nobody'`)
    const env = { OPS_STORE: place.store.url, PGUSER: 'nobody', PGPASSWORD: 'nobody' }
    const { code, stdout, stderr } = await run(['create', '--quiet'], env)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^pg-backup: .*permission denied.*; .*\[BACKUP_DUMP_FAILED\]\n$/)
  })
})

it('a backup is made to its end where nobody reads what it says', async () => {
  await using place = await temporaryStore()
  const env = { OPS_STORE: place.store.url }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/cli.ts'), 'create', '--json'], {
    env: { PATH: process.env['PATH'], ...server.env('app'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  child.stderr.destroy()
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(JSON.parse((await run(['list', '--json'], env)).stdout)).toHaveLength(1)
})

/** Each line is held against the published schema by `startCli`. */
describe('--json prints events, as their published schema says', () => {
  const lines = (stdout: string): object[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
  it('of a backup, with the estimate by the one before, of a check and of a restore', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    const first = lines((await run(['create', '--json'], env)).stdout)
    expect(first[0]).toMatchObject({ event: 'started', cluster: 'main', database: 'app' })
    expect(first.at(-1)).toMatchObject({ event: 'done', manifest: { format: 'ops.backup/1' } })
    const { id } = first.at(-1) as { id: string }

    // Held until the estimate is there.
    using lock = await holdLock(server, 'app', 'people')
    const second = startCli(['create', '--json'], { ...server.env('app'), ...env })
    await until(() => isDumpWaiting(server))
    await until(() => second.stdoutSoFar().includes('"estimate"'))
    lock.release()
    const secondLines = lines((await second.ended).stdout)
    expect(secondLines).toContainEqual(
      expect.objectContaining({
        event: 'progress',
        phase: 'dump',
        estimate: expect.objectContaining({ from: id }) as object,
      }),
    )
    const checked = lines((await run(['check', id, '--of', 'app', '--json'], env)).stdout)
    expect(checked.at(-1)).toMatchObject({ event: 'done', id, objects: 1 })
    const restore = ['restore', id, '--of', 'app', '--dbname', 'eventful', '--create', '--json']
    const restored = lines((await run(restore, env)).stdout)
    expect(restored.at(-1)).toMatchObject({ event: 'done', id, database: 'eventful' })
    await server.query('DROP DATABASE eventful')
  })

  it('of a failure, and with --quiet of the end alone', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    const failed = lines((await run(['create', '--json', '--dbname', 'nowhere'], env)).stdout)
    expect(failed[0]).toMatchObject({ event: 'started', database: 'nowhere' })
    expect(failed.at(-1)).toMatchObject({ event: 'failed', error: { code: 'BACKUP_CONNECT_FAILED' } })
    const quiet = lines((await run(['create', '--json', '--quiet'], env)).stdout)
    expect(quiet).toMatchObject([{ event: 'done', database: 'app' }])
  })
})

describe('the webhook', () => {
  it('is told of failures by the URL in OPS_WEBHOOK_URL, which nothing repeats', async () => {
    await using place = await temporaryStore()
    await using receiver = await startReceiver()
    const env = { OPS_STORE: place.store.url, OPS_WEBHOOK_URL: receiver.url }
    expect(await run(['create', '--quiet'], env)).toMatchObject({ code: 0 })
    expect(receiver.requests).toEqual([])
    const failed = await run(['create', '--quiet', '--dbname', 'nowhere'], env)
    expect(failed.code).toBe(1)
    expect(receiver.requests.map(({ body }) => JSON.parse(body) as object)).toMatchObject([
      { event: 'backup.failed', database: 'nowhere', error: { code: 'BACKUP_CONNECT_FAILED' } },
    ])
  })

  it('is told of everything if asked, in the shape of Slack, by a URL in a file', async () => {
    await using place = await temporaryStore()
    await using folder = await temporaryFolder()
    await using receiver = await startReceiver()
    const file = join(folder.path, 'webhook')
    await writeFile(file, `${receiver.url}\n`)
    const flags = ['--webhook-url-file', file, '--webhook-format', 'slack', '--notify', 'always']
    const env = { OPS_STORE: place.store.url }
    expect(await run(['create', '--quiet', ...flags], env)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(receiver.requests.map(({ body }) => JSON.parse(body) as object)).toEqual([
      { text: expect.stringContaining('Backup done: "app"') as string },
    ])
  })

  it('that fails is a line of warning, and the backup is there', async () => {
    await using place = await temporaryStore()
    await using receiver = await startReceiver(status(404))
    const env = { OPS_STORE: place.store.url, OPS_WEBHOOK_URL: receiver.url, OPS_NOTIFY: 'always' }
    const { code, stderr } = await run(['create', '--quiet'], env)
    expect(code).toBe(0)
    expect(stderr).toMatch(/^pg-backup: .*HTTP status 404\n$/)
    expect(stderr).not.toMatch(/127\.0\.0\.1|s3cr3t|hunter2/)
  })

  it('that cannot be is bad usage, before anything is done', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    for (const more of [
      { OPS_WEBHOOK_URL: 'hooks/s3cr3t' },
      { OPS_WEBHOOK_URL_FILE: '/nonexistent/webhook' },
    ]) {
      const { code, stderr } = await run(['create'], { ...env, ...more })
      expect(code).toBe(2)
      expect(stderr).toContain('webhook')
      expect(stderr).not.toContain('s3cr3t')
    }
    expect(await place.files()).toEqual([])
  })

  it('whose connection is cut is tried again', async () => {
    await using place = await temporaryStore()
    await using receiver = await startReceiver(reset, status(200))
    const env = { OPS_STORE: place.store.url, OPS_WEBHOOK_URL: receiver.url, OPS_NOTIFY: 'always' }
    expect(await run(['create', '--quiet'], env)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(receiver.requests).toHaveLength(2)
  })
})

describe('on a terminal', () => {
  const CLEAR = '\r\u001B[2K'
  const linesOf = (screen: string): string[] =>
    screen
      .replaceAll(CLEAR, '\n')
      .split(/[\r\n]+/)
      .filter((line) => line !== '')

  it.for([
    { columns: 120, fields: /^dumping {2}~0 % {2}.*rows {2}table 0.* stored$/ },
    { columns: 34, fields: /^dumping {2}~0 % {2}\S+ B of ~\S+ KiB$/ },
  ])(
    'of $columns columns shows as much of the progress as fits, and takes it away',
    async ({ columns, fields }, context) => {
      needs(context, hasTerminal(), "there is no util-linux's script on this machine")
      await using place = await temporaryStore()
      const env = { ...server.env('app'), OPS_STORE: place.store.url }
      await run(['create', '--quiet'], env)
      using lock = await holdLock(server, 'app', 'people')
      await using terminal = startOnTerminal(`${CLI} create`, columns, env)
      await until(() => linesOf(terminal.screen).some((line) => fields.test(line)))
      for (const line of linesOf(terminal.screen)) expect(line.length).toBeLessThan(columns)
      lock.release()
      expect(await terminal.ended).toBe(0)
      expect(terminal.screen).toContain(`${CLEAR}backed up "app": 1 tables, 500 rows`)
    },
  )

  it('Ctrl-C stops it, and leaves nothing', async (context) => {
    needs(context, hasTerminal(), "there is no util-linux's script on this machine")
    await using place = await temporaryStore()
    using lock = await holdLock(server, 'app', 'people')
    const env = { ...server.env('app'), OPS_STORE: place.store.url }
    await using terminal = startOnTerminal(`${CLI} create`, 80, env)
    await until(() => isDumpWaiting(server))
    terminal.type('\u0003')
    expect(await terminal.ended).toBe(130)
    lock.release()
    expect(stripVTControlCharacters(terminal.screen)).toContain('pg-backup: stopped by SIGINT')
    expect(await place.files()).toEqual([])
  })

  it.for([
    { env: {}, colours: true },
    { env: { NO_COLOR: '1' }, colours: false },
  ])('colours are there: $colours, with $env', async ({ env, colours }, context) => {
    needs(context, hasTerminal(), "there is no util-linux's script on this machine")
    await using place = await temporaryStore()
    await using terminal = startOnTerminal(`${CLI} create --dbname nowhere`, 200, {
      ...server.env('app'),
      OPS_STORE: place.store.url,
      ...env,
    })
    expect(await terminal.ended).toBe(1)
    expect(terminal.screen).toContain('BACKUP_CONNECT_FAILED')
    expect(terminal.screen.includes('\u001B[31m')).toBe(colours)
  })
})
