import { readFileSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { findPostgres, findProgram, needs, startPgBouncer, startPostgres } from '../src/index.ts'
import { runFoldersOf } from './leftovers.ts'

describe('a local PgBouncer', () => {
  beforeEach((context) => {
    needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed')
    needs(context, findProgram('pgbouncer') !== undefined, 'PgBouncer is not installed')
  })

  it('pools connections to its PostgreSQL, and obeys its console', async () => {
    await using postgres = await startPostgres()
    await postgres.query("create role app login password 'secret'")
    await using bouncer = await startPgBouncer({
      postgres,
      settings: { pool_mode: 'transaction', default_pool_size: '3' },
      users: { app: 'secret' },
    })
    expect(bouncer.version).toMatch(/^1\.\d+\.\d+$/)
    expect(await bouncer.query('select current_user as name')).toEqual([{ name: postgres.user }])
    expect(bouncer.url('db', { user: 'app', password: 'secret' })).toBe(
      `postgresql://app:secret@127.0.0.1:${bouncer.port}/db`,
    )
    const pools = await bouncer.admin('SHOW POOLS')
    expect(pools.find((pool) => pool['database'] === 'postgres')).toMatchObject({ pool_mode: 'transaction' })

    const ini = readFileSync(bouncer.iniPath, 'utf8')
    writeFileSync(bouncer.iniPath, ini.replace('default_pool_size = 3', 'default_pool_size = 4'))
    await bouncer.reload()
    const config = await bouncer.admin('SHOW CONFIG')
    expect(config.find((row) => row['key'] === 'default_pool_size')).toMatchObject({ value: '4' })

    await bouncer.kill('SIGKILL')
    await expect.poll(async () => await bouncer.admin('SHOW POOLS').catch(() => 'gone')).toBe('gone')
    await bouncer.restart()
    expect(await bouncer.query('select 1 as one')).toEqual([{ one: 1 }])
    await bouncer.stop()
    expect(await bouncer.logText()).toMatch(/process up/)
    await postgres.stop()
    expect(runFoldersOf(process.pid)).toEqual([])
  })
})
