import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkJson } from '@ops/internal-cli/check-json'
import { startPostgres, startS3, type Postgres, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { shell, temporaryFolder, temporaryStore } from './harness.ts'
import { until } from './until.ts'

// Every step is a process of its own, and a busy machine has many.
vi.setConfig({ testTimeout: 300_000 })

const CLI = join(import.meta.dirname, '../src/cli.ts')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let server: Postgres
let s3: S3Server

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startPostgres(), startS3()])
  await server.createDatabase('app')
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, 500) i`,
    'app',
  )
})

afterAll(() => Promise.all([server?.stop(), s3?.stop()]))

/** Runs the bin with nothing of the test's own environment that could help it. */
function cli(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise<Ended>((resolve) => {
    execFile(
      process.execPath,
      [CLI, ...args],
      {
        env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...server.env('app'), ...env },
        maxBuffer: 2 ** 26,
      },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  }).then((ended) => {
    checkJson('pg-backup', args, ended.stdout)
    return ended
  })
}

describe('pg-backup', () => {
  it('backs up, lists, shows, checks, and restores, by its id', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    const created = await cli(['create', '--dbname', 'app'], env)
    expect(created).toMatchObject({ code: 0, stderr: expect.stringContaining('500 rows') as string })
    const id = created.stdout.trim()
    expect(id).toMatch(/^\d{8}T\d{6}Z-[0-9a-z]{6}$/)

    expect((await cli(['list'], env)).stdout).toContain(id)
    expect(JSON.parse((await cli(['list', '--json'], env)).stdout)).toMatchObject([
      { id, database: 'app', rows: 500 },
    ])
    expect((await cli(['show', id, '--of', 'app'], env)).stdout).toContain('public.people')
    expect(await cli(['check', 'latest', '--of', 'app'], env)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('intact') as string,
    })
    const restored = await cli(
      ['restore', id, '--of', 'app', '--dbname', 'copy', '--create', '--json', '--quiet'],
      env,
    )
    expect(JSON.parse(restored.stdout)).toMatchObject({ id, database: 'copy' })
    expect(await server.query('SELECT count(*)::int AS rows FROM people', 'copy')).toEqual([{ rows: 500 }])
    await server.query('DROP DATABASE copy')
  })

  it('writes the plain archive for pg_restore to stdout', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    await cli(['create'], env)
    const listing = await shell(`"$NODE" "$CLI" cat latest --of app | pg_restore --list`, {
      ...env,
      NODE: process.execPath,
      CLI,
    })
    expect(listing).toContain('TABLE DATA public people')
  })

  it('speaks JSON to programs, failures too', async () => {
    await using place = await temporaryStore()
    const done = await cli(['create', '--json', '--quiet', '--store', place.store.url])
    expect(JSON.parse(done.stdout)).toMatchObject({ database: 'app', manifest: { format: 'ops.backup/1' } })
    expect(done.stderr).toBe('')
    const failed = await cli([
      'create',
      '--json',
      '--quiet',
      '--store',
      place.store.url,
      '--dbname',
      'nowhere',
    ])
    expect(JSON.parse(failed.stdout)).toMatchObject({
      event: 'failed',
      error: { code: 'BACKUP_CONNECT_FAILED' },
    })
  })

  it('takes the database from DATABASE_URL', async () => {
    await using place = await temporaryStore()
    const result = await cli(['create', '--store', place.store.url], {
      PGHOST: '/nowhere',
      PGPASSWORD: '',
      DATABASE_URL: server.url('app'),
    })
    expect(result).toMatchObject({ code: 0 })
  })

  it('stores in S3', async () => {
    const bucket = await s3.createBucket()
    const store = `s3://${bucket}/backups?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}&pathStyle=true`
    const result = await cli(['create', '--store', store], { ...s3.env })
    expect(result).toMatchObject({ code: 0 })
    expect(
      await cli(['check', result.stdout.trim(), '--of', 'app', '--store', store], { ...s3.env }),
    ).toMatchObject({ code: 0 })
  })
})

describe('bad input gets one clear line', () => {
  interface Case {
    readonly args: (folder: string) => string[]
    readonly env?: () => Record<string, string>
    readonly code: 1 | 2
    readonly says: RegExp
  }
  const intoFolder = (folder: string): string[] => ['create', '--store', `file://${folder}`]
  const s3Url = (bucket: string): string =>
    `s3://${bucket}?endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}&pathStyle=true`

  const cases: Record<string, Case> = {
    'unreachable server': {
      args: (folder) => [...intoFolder(folder), '--host', '127.0.0.1', '--port', '1'],
      code: 1,
      says: /cannot connect to database "app" on 127\.0\.0\.1:1 .*refused/s,
    },
    'wrong password': {
      args: intoFolder,
      env: () => ({ PGPASSWORD: 'hunter2' }),
      code: 1,
      says: /cannot connect .*password authentication failed/s,
    },
    'unknown database': {
      args: (folder) => [...intoFolder(folder), '--dbname', 'nowhere'],
      code: 1,
      says: /database "nowhere" does not exist/,
    },
    'no store': { args: () => ['create'], code: 2, says: /--store/ },
    'a store URL that makes no sense': {
      args: () => ['create', '--store', 'ftp://host/x'],
      code: 2,
      says: /s3:\/\/|file:\/\//,
    },
    'a relative folder': {
      args: () => ['create', '--store', 'file://backups'],
      code: 2,
      says: /STORE_BAD_URL/,
    },
    'no such bucket': {
      args: () => ['create', '--store', s3Url('nowhere')],
      env: () => ({ ...s3.env }),
      code: 1,
      says: /bucket/,
    },
    'unreachable store': {
      args: () => ['create', '--store', 's3://backups?endpoint=http%3A%2F%2F127.0.0.1%3A1&region=x'],
      env: () => ({ ...s3.env }),
      code: 1,
      says: /127\.0\.0\.1:1/,
    },
    'an unknown command': { args: () => ['craete'], code: 2, says: /create/ },
    'an unknown flag': { args: (folder) => [...intoFolder(folder), '--fast'], code: 2, says: /--fast/ },
    'a level out of range': {
      args: (folder) => [...intoFolder(folder), '--compress', 'zstd:99'],
      code: 2,
      says: /from 1 to 19/,
    },
    'an empty name, as an unset variable gives': {
      args: (folder) => [...intoFolder(folder), '--dbname', ''],
      code: 2,
      says: /--dbname is empty/,
    },
    'a password in a flag': {
      args: (folder) => [...intoFolder(folder), '--dbname', 'postgres://u:hunter2@h/app'],
      code: 2,
      says: /DATABASE_URL/,
    },
    'an unknown backup id': {
      args: (folder) => ['show', '20200101T000000Z-abcdef', '--of', 'app', '--store', `file://${folder}`],
      code: 1,
      says: /no backup 20200101T000000Z-abcdef .*there is none at all/s,
    },
    'a restore without a target': {
      args: (folder) => ['restore', 'latest', '--of', 'app', '--store', `file://${folder}`],
      code: 2,
      says: /--dbname/,
    },
  }
  it.each(Object.entries(cases))('%s', async (_name, { args, env, code, says }) => {
    await using folder = await temporaryFolder()
    const result = await cli(args(folder.path), env?.())
    expect(result.stderr).toMatch(says)
    expect(result.stderr).not.toMatch(/hunter2|^\s+at /m)
    expect(result.code).toBe(code)
    expect(result.stdout).toBe('')
  })

  it('wrong S3 credentials', async (context) => {
    const bucket = await s3.createBucket()
    const result = await cli(['create', '--store', s3Url(bucket)], {
      ...s3.env,
      AWS_SECRET_ACCESS_KEY: 'wrong',
    })
    if (result.code === 0)
      context.skip('this S3 server does not check signatures; the same case runs on Ceph RGW')
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('AWS_ACCESS_KEY_ID') as string })
  })

  it('pg_dump older than the server names both versions and what to install', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n')
    await shell(`ln -s "$(command -v psql)" "$FOLDER/psql"`, {
      FOLDER: folder.path,
      PATH: `${server.binFolder}:${process.env['PATH']}`,
    })
    await chmod(join(folder.path, 'pg_dump'), 0o755)
    const result = await cli(intoFolder(folder.path), { OPS_PG_BIN: folder.path })
    const major = Math.floor(server.version / 10_000)
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`9\\.6\\.24.*PostgreSQL ${major}.*postgresql-client-${major}`, 's'),
      ) as string,
    })
  })

  it('no client programs at all', async () => {
    await using folder = await temporaryFolder()
    const result = await cli(intoFolder(folder.path), { OPS_PG_BIN: folder.path })
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('was not found') as string })
  })

  it('a read-only folder', async (context) => {
    if (process.getuid?.() === 0)
      context.skip('root may write anywhere; the store’s own tests cover EACCES and EROFS')
    await using folder = await temporaryFolder()
    await chmod(folder.path, 0o500)
    expect(await cli(intoFolder(folder.path))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('STORE_') as string,
    })
  })

  it('a manifest of another format', async () => {
    await using place = await temporaryStore()
    const env = { OPS_STORE: place.store.url }
    const id = (await cli(['create'], env)).stdout.trim()
    await place.store.put(`main/logical/app/${id}/manifest.json`, Buffer.from('{"format":"ops.backup/9"}'))
    expect(await cli(['show', id, '--of', 'app'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ops.backup/9') as string,
    })
    expect((await cli(['list'], env)).stdout).toContain('unreadable')
  })
})

describe('Ctrl-C', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in the middle of a dump leaves nothing and says so',
    async (signal) => {
      await using place = await temporaryStore()
      await mkdir(place.folder, { recursive: true })
      const lock = await holdLock(server, 'app', 'people')
      try {
        const child = spawn(process.execPath, [CLI, 'create', '--store', place.store.url], {
          env: { PATH: process.env['PATH'], ...server.env('app') },
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let stderr = ''
        child.stderr.on('data', (text: Buffer) => {
          stderr += text.toString()
        })
        await until(() => isDumpWaiting(server))
        child.kill(signal)
        const [code] = (await once(child, 'close')) as [number]
        expect(code).toBe(signal === 'SIGINT' ? 130 : 143)
        expect(stderr).toContain(`stopped by ${signal}`)
        expect(await place.files()).toEqual([])
        expect(
          await server.query(
            `SELECT count(*)::int AS dumps FROM pg_stat_activity WHERE application_name = 'pg_dump'`,
          ),
        ).toEqual([{ dumps: 0 }])
      } finally {
        lock.release()
      }
    },
  )
})
