import { readFileSync, writeFileSync, chmodSync, chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createCertificate, needs } from '@ops/testbed'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openConsole } from '../src/console.ts'
import { DEFAULT_SHOW, readPgBouncer, type AdminClient } from '../src/read-pgbouncer.ts'
import type { PoolRow } from '../src/show-rows.ts'
import { asAdmin, asStatsUser, socketFolder, startPooledServer, type PooledServer } from './pooled-server.ts'
import { until } from './until.ts'

let server: PooledServer
beforeAll(async () => {
  server = await startPooledServer({ settings: { pool_mode: 'transaction' } })
})
afterAll(() => server.stop())

describe('readPgBouncer', () => {
  it('reads everything, as a user with stats rights only, by SCRAM, without ignore_startup_parameters', async (context) => {
    const { bouncer } = server.get(context)
    await bouncer.query('SELECT 1', 'postgres')
    const snapshot = await readPgBouncer({ connection: asStatsUser(bouncer) })
    expect(snapshot.version).toBe(bouncer.version)
    expect(snapshot.failures).toEqual([])
    expect(snapshot.pools).toContainEqual(
      expect.objectContaining({ database: 'postgres', poolMode: 'transaction' }),
    )
    expect(snapshot.config?.find(({ key }) => key === 'pool_mode')?.value).toBe('transaction')
    expect(snapshot.statsTotals?.find(({ database }) => database === 'postgres')?.queryCount).toBeGreaterThan(
      0,
    )
    const rows = DEFAULT_SHOW.flatMap((name): readonly { extra: object }[] => snapshot[name] ?? [])
    expect(rows.filter(({ extra }) => Object.keys(extra).length > 0)).toEqual([])
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
  })

  it('reads the same through a client of somebody else', async (context) => {
    const { bouncer } = server.get(context)
    const client = new Client({ connectionString: bouncer.adminUrl })
    await client.connect()
    const structural: AdminClient = client
    const theirs = await readPgBouncer({ client: structural, show: ['config', 'databases'] })
    const ours = await readPgBouncer({ connection: asAdmin(bouncer), show: ['config', 'databases'] })
    expect(theirs.config).toEqual(ours.config)
    expect(theirs.databases?.map(({ name, poolSize }) => [name, poolSize])).toEqual(
      ours.databases?.map(({ name, poolSize }) => [name, poolSize]),
    )
    await client.end()
  })

  it('reads over a Unix socket', async (context) => {
    const { bouncer } = server.get(context)
    const connection = { ...asStatsUser(bouncer), host: socketFolder(bouncer) }
    const snapshot = await readPgBouncer({ connection, show: ['lists'] })
    expect(snapshot.target).toBe(join(socketFolder(bouncer), `.s.PGSQL.${bouncer.port}`))
    expect(snapshot.lists?.length).toBeGreaterThan(5)
  })

  it('counts clients that wait, and says for how long to the microsecond', async (context) => {
    const { bouncer } = server.get(context)
    await bouncer.admin("SET default_pool_size = '1'")
    const holder = new Client({ connectionString: bouncer.url('template1') })
    await holder.connect()
    await holder.query('BEGIN')
    const waiting = bouncer.query('SELECT 1', 'template1')
    const poolOf = async (): Promise<PoolRow | undefined> => {
      const { pools } = await readPgBouncer({ connection: asStatsUser(bouncer), show: ['pools'] })
      return pools?.find(({ database }) => database === 'template1')
    }
    const pool = await until(
      'a client that waits for a part of a second',
      poolOf,
      (row) => row !== undefined && row.maxWaitSeconds % 1 > 0,
    )
    expect(pool).toMatchObject({ clActive: 1, clWaiting: 1, svActive: 1 })
    await holder.query('COMMIT')
    await waiting
    await holder.end()
    await bouncer.admin("SET default_pool_size = '20'")
  })
})

describe('a kept console', () => {
  it('keeps one connection, and opens another when PgBouncer was restarted', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    const ownPort = async (): Promise<string | null | undefined> => {
      const { columns, rows } = await console_.query('SHOW CLIENTS')
      const user = columns.indexOf('user')
      return rows.find((row) => row[user] === bouncer.statsUser)?.[columns.indexOf('port')]
    }
    const port = await ownPort()
    expect(await ownPort()).toBe(port)
    await bouncer.restart()
    expect(await ownPort()).not.toBe(port)
  })

  it('survives a command that PgBouncer does not know', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    await expect(console_.query('SHOW NOTHING')).rejects.toMatchObject({ code: 'PGBOUNCER_COMMAND_FAILED' })
    expect((await console_.query('SHOW VERSION')).rows[0]?.[0]).toContain(bouncer.version)
  })

  it('answers questions asked at once in order', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    const answers = await Promise.all(
      ['VERSION', 'LISTS', 'MEM'].map((name) => console_.query(`SHOW ${name}`)),
    )
    expect(answers.map(({ columns }) => columns[0])).toEqual(['version', 'list', 'name'])
  })

  it('lets a stats user look and do nothing else', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    await expect(console_.query('RELOAD')).rejects.toMatchObject({ code: 'PGBOUNCER_NOT_ALLOWED' })
  })
})

describe('TLS', () => {
  it('is used, and verified when asked for', async (context) => {
    const { bouncer } = server.get(context)
    const folder = socketFolder(bouncer)
    const authority = await createCertificate({ commonName: 'ops test', isAuthority: true })
    const own = await createCertificate({ issuer: authority, names: ['DNS:localhost'] })
    const files = { key: join(folder, 'tls.key'), cert: join(folder, 'tls.crt') }
    writeFileSync(files.key, own.key)
    writeFileSync(files.cert, own.certificate)
    const { uid, gid } = statSync(bouncer.iniPath)
    for (const file of Object.values(files)) {
      chmodSync(file, 0o600)
      needs(
        context,
        process.getuid?.() === 0 || process.getuid?.() === uid,
        'the certificate cannot be given to PgBouncer',
      )
      chownSync(file, uid, gid)
    }
    const tls = `\nclient_tls_sslmode = require\nclient_tls_key_file = ${files.key}\nclient_tls_cert_file = ${files.cert}\n`
    const before = readFileSync(bouncer.iniPath, 'utf8')
    writeFileSync(bouncer.iniPath, before + tls)
    await bouncer.reload()
    const connection = { ...asStatsUser(bouncer), host: 'localhost', sslRootCert: authority.certificate }
    const clients = await readPgBouncer({
      connection: { ...connection, sslMode: 'verify-full' },
      show: ['clients'],
    })
    expect(clients.clients?.find(({ user }) => user === bouncer.statsUser)?.tls).toMatch(/TLSv1/)
    await readPgBouncer({ connection: { ...asStatsUser(bouncer), sslMode: 'prefer' }, show: [] })

    const read = (changed: object): Promise<unknown> =>
      readPgBouncer({ connection: { ...connection, ...changed }, show: [] })
    await expect(read({ sslMode: 'disable' })).rejects.toMatchObject({ code: 'PGBOUNCER_LOGIN_FAILED' })
    await expect(read({ sslMode: 'verify-full', host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'PGBOUNCER_TLS_FAILED',
    })
    await expect(read({ sslMode: 'verify-ca', sslRootCert: own.certificate })).rejects.toMatchObject({
      code: 'PGBOUNCER_TLS_FAILED',
    })
    await read({ sslMode: 'verify-ca', host: '127.0.0.1' })

    writeFileSync(bouncer.iniPath, `${before}\nclient_tls_sslmode = disable\n`)
    await bouncer.restart()
    await expect(read({ sslMode: 'require' })).rejects.toMatchObject({ code: 'PGBOUNCER_TLS_FAILED' })
  })
})
