import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAllBackups } from '../src/create-all-backups.ts'
import { listBackups } from '../src/list-backups.ts'
import { listDatabases } from '../src/list-databases.ts'
import { connectionTo, shell, temporaryStore } from './harness.ts'
import { startCli } from './start-cli.ts'

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  for (const name of ['app', 'app_test', 'Shop', 'a.b', 'a$b', 'closed', 'layout'])
    await server.createDatabase(name)
  await server.query(`UPDATE pg_database SET datallowconn = false WHERE datname = 'closed'`)
  await server.query(`UPDATE pg_database SET datistemplate = true WHERE datname = 'layout'`)
  await server.query(`CREATE TABLE people AS SELECT generate_series(1, 10) AS id`, 'app')
})

afterAll(() => server?.stop())

const ALL = ['Shop', 'a$b', 'a.b', 'app', 'app_test', 'postgres']
const connection = () => connectionTo(server, 'postgres')
const names = (options: { include?: string[]; exclude?: string[] } = {}): Promise<string[]> =>
  listDatabases({ connection: connection(), ...options })

describe('the databases of a server', () => {
  it('are all but templates and those that refuse connections', async () => {
    expect(await names()).toEqual(ALL)
  })

  it.each([
    ['app', ['app']],
    ['APP', ['app']],
    ['app*', ['app', 'app_test']],
    ['a?b', ['a$b', 'a.b']],
    ['a$b', ['a$b']],
    ['"a.b"', ['a.b']],
    ['"Shop"', ['Shop']],
    ['(app|postgres)', ['app', 'postgres']],
    ['a[o-q]p', ['app']],
    ['*', ALL],
  ])('that match %s are %j, as pg_dumpall has it', async (pattern, matching) => {
    expect(await names({ include: [pattern] })).toEqual(matching)
    const dumped = await shell('pg_dumpall --no-role-passwords --exclude-database="$PATTERN"', {
      ...server.env('postgres'),
      PATTERN: pattern,
    })
    const connects = dumped.matchAll(/^\\connect (?:-reuse-previous=on )?"?(?:dbname=')?(.*?)'?"?$/gm)
    const left = [...connects].map(([, name]) => name!).filter((name) => ALL.includes(name))
    expect(left.toSorted()).toEqual(ALL.filter((name) => !matching.includes(name)))
  })

  it('that match several patterns, less those that are left out', async () => {
    expect(await names({ include: ['app*', 'postgres'], exclude: ['*_test', '"Shop"'] })).toEqual([
      'app',
      'postgres',
    ])
  })

  it('are refused when a pattern matches none', async () => {
    await expect(names({ include: ['app', 'ap'] })).rejects.toMatchObject({
      code: 'BACKUP_NO_DATABASE',
      message: expect.stringMatching(/^no database matches ap \(asked database "postgres" on /) as string,
    })
    await expect(names({ exclude: ['*'] })).rejects.toMatchObject({ code: 'BACKUP_NO_DATABASE' })
    for (const pattern of ['"app', 'a.b'])
      await expect(names({ include: [pattern] })).rejects.toMatchObject({ code: 'BACKUP_BAD_OPTIONS' })
  })
})

describe('a backup of all databases', () => {
  it('is one set for each', async () => {
    await using place = await temporaryStore()
    const seen = new Set<string>()
    const result = await createAllBackups({
      store: place.store,
      connection: connection(),
      concurrency: 3,
      exclude: ['a"."b', 'a$b'],
      perDatabase: (database) => ({ digest: database !== 'Shop' }),
      onProgress: ({ database }) => seen.add(database),
    })
    expect(result).toMatchObject({ cluster: 'main', store: place.store.url, succeeded: 4, failed: 0 })
    expect(result.databases.map(({ database }) => database)).toEqual(['Shop', 'app', 'app_test', 'postgres'])
    expect([...seen].toSorted()).toEqual(['Shop', 'app', 'app_test', 'postgres'])
    expect((await listBackups({ store: place.store })).map(({ database }) => database).toSorted()).toEqual([
      'Shop',
      'app',
      'app_test',
      'postgres',
    ])
    expect(
      result.databases.map((each) => each.status === 'done' && each.backup.manifest.digest !== null),
    ).toEqual([false, true, true, true])
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })

  it('goes on when one fails, and says which', async () => {
    await using place = await temporaryStore()
    await server.query('ALTER DATABASE app_test CONNECTION LIMIT 0')
    await server.query(`CREATE ROLE limited LOGIN PASSWORD 'limited' IN ROLE pg_read_all_data`)
    try {
      const run = startCli(['create-all', '--json', '--store', place.store.url, '--include', 'app*'], {
        ...server.env('postgres'),
        PGUSER: 'limited',
        PGPASSWORD: 'limited',
      })
      const { code, stdout, stderr } = await run.ended
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^pg-backup: "app_test": cannot connect to .*too many connections.*\[BACKUP_CONNECT_FAILED\]$/m,
      )
      expect(stderr).toContain('1 of 2 databases backed up')
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({
        event: 'done',
        succeeded: 1,
        failed: 1,
        databases: [
          { database: 'app', status: 'done', backup: { database: 'app' } },
          { database: 'app_test', status: 'failed', error: { code: 'BACKUP_CONNECT_FAILED' } },
        ],
      })
      expect(await listBackups({ store: place.store })).toMatchObject([{ database: 'app' }])
    } finally {
      await server.query('ALTER DATABASE app_test CONNECTION LIMIT -1')
    }
  })

  it('shows one table for people, and says nothing in a cron job', async () => {
    await using place = await temporaryStore()
    const args = ['create-all', '--store', place.store.url, '--include', 'app']
    const loud = await startCli(args, server.env('postgres')).ended
    expect(loud).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^DATABASE +BACKUP.*\napp +\d{8}T/) as string,
    })
    const quiet = await startCli([...args, '--quiet'], server.env('postgres')).ended
    expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('ends with the reason of an abort, and has cleaned up', async () => {
    await using place = await temporaryStore()
    const controller = new AbortController()
    const reason = new Error('enough')
    const backups = createAllBackups({
      store: place.store,
      connection: connection(),
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === 'dump') controller.abort(reason)
      },
    })
    await expect(backups).rejects.toBe(reason)
    expect(await place.files()).toEqual([])
  })
})
