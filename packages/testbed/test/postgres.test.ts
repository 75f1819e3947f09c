import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { findPostgres, MissingServerError, needs, startPostgres, type Postgres } from '../src/index.ts'
import { processesWith, runFoldersOf, sharedMemorySegment, sharedMemorySegments } from './leftovers.ts'

function psql(postgres: Postgres, sql: string, env: Record<string, string> = {}): string {
  return execFileSync(join(postgres.binFolder ?? '', 'psql'), ['-XAtc', sql], {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, ...postgres.env(), ...env },
  }).trim()
}

describe('a local PostgreSQL', () => {
  beforeEach((context) => needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed'))

  it('answers its owner and programs that libpq connects, by password', async () => {
    await using postgres = await startPostgres()
    await postgres.createDatabase('Zoë\'s "data"')
    expect(await postgres.query('select current_database() as name', 'Zoë\'s "data"')).toEqual([
      { name: 'Zoë\'s "data"' },
    ])
    expect(await postgres.query('select 1 as a; select 2 as b')).toEqual([{ b: 2 }])
    expect(psql(postgres, 'show server_version_num')).toBe(String(postgres.version))
    expect(Math.floor(postgres.version / 10_000)).toBe(findPostgres()?.major)
    expect(() => psql(postgres, 'select 1', { PGPASSWORD: 'wrong' })).toThrow(
      /password authentication failed/,
    )
  })

  it('takes settings, rules of access, and arguments of initdb', async () => {
    await using postgres = await startPostgres({
      settings: { work_mem: '7MB', application_name: "it's" },
      hba: ['host all stranger 127.0.0.1/32 trust'],
      auth: 'md5',
      initdbArgs: ['--data-checksums'],
    })
    await postgres.query('create role stranger login')
    expect(psql(postgres, 'select current_user', { PGUSER: 'stranger', PGPASSWORD: '' })).toBe('stranger')
    const names = ['work_mem', 'data_checksums', 'password_encryption']
    const settings = await postgres.query(
      `select setting from pg_settings where name in ('${names.join("','")}') order by name`,
    )
    expect(settings.map((row) => row['setting'])).toEqual(['on', 'md5', '7168'])
  })

  it('speaks TLS when asked, with a certificate that verifies', async () => {
    await using postgres = await startPostgres({ ssl: true })
    const env = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: postgres.caFile ?? '' }
    expect(psql(postgres, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()', env)).toBe('t')
  })

  it('keeps its data and its port through a kill and a restart', async () => {
    await using postgres = await startPostgres()
    await postgres.query('create table t as select 42 as answer')
    await postgres.kill('SIGKILL')
    await expect.poll(async () => await postgres.query('select 1').catch(() => 'gone')).toBe('gone')
    await postgres.restart()
    expect(await postgres.query('select answer from t')).toEqual([{ answer: 42 }])
    await postgres.restart()
    expect(await postgres.query('select answer from t')).toEqual([{ answer: 42 }])
    expect(await postgres.logText()).toMatch(/database system was not properly shut down/)
  })

  it('runs beside others that know nothing of it, and leaves nothing behind', async () => {
    const [one, two] = await Promise.all([startPostgres(), startPostgres()])
    expect(one.port).not.toBe(two.port)
    await one.createDatabase('only_here')
    await expect(two.query('select 1', 'only_here')).rejects.toThrow(/does not exist/)
    const segments = [one, two].map((each) => sharedMemorySegment(each.dataFolder ?? ''))
    expect(sharedMemorySegments()).toEqual(expect.arrayContaining(segments))
    await two.kill('SIGKILL')
    await one.kill('SIGSTOP')
    await Promise.all([one.stop(), two.stop(), one.stop()])
    for (const { socketFolder } of [one, two]) {
      expect(existsSync(socketFolder ?? '')).toBe(false)
      expect(processesWith(socketFolder ?? '')).toEqual([])
    }
    expect(runFoldersOf(process.pid)).toEqual([])
    expect(sharedMemorySegments().filter((id) => segments.includes(id))).toEqual([])
    await expect(one.restart()).rejects.toThrow(/was stopped/)
    expect(await two.logText()).toMatch(/ready to accept connections/)
  })

  it('says what went wrong when the server does not start, and cleans up', async () => {
    await expect(startPostgres({ settings: { no_such_setting: 'on' } })).rejects.toThrow(
      /unrecognized configuration parameter "no_such_setting"/,
    )
    expect(runFoldersOf(process.pid)).toEqual([])
  })

  it('of a version that is not there is a missing server', async () => {
    await expect(startPostgres({ version: 8 })).rejects.toThrow(MissingServerError)
  })
})
