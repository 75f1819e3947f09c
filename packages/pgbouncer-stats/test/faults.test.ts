import { startFaultProxy, type FaultProxy } from '@ops/testbed'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionOptions } from '../src/connection-options.ts'
import { openConsole } from '../src/console.ts'
import { readPgBouncer } from '../src/read-pgbouncer.ts'
import type { PoolRow } from '../src/show-rows.ts'
import { createExporter } from '../src/serve.ts'
import { startHostileServer } from './hostile-server.ts'
import { asAdmin, asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'
import { until } from './until.ts'

/** Ready for a login without a password: AuthenticationOk, ReadyForQuery. */
const loginOk = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1')

const hostile: [what: string, code: string, bytes: Buffer | 'silence' | 'close'][] = [
  ['nothing at all', 'PGBOUNCER_TIMEOUT', 'silence'],
  ['a closed door', 'PGBOUNCER_CONNECTION_LOST', 'close'],
  ['a web server', 'PGBOUNCER_PROTOCOL_ERROR', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  [
    'an unknown way to authenticate',
    'PGBOUNCER_PROTOCOL_ERROR',
    Buffer.from('R\0\0\0\x08\0\0\0\x63', 'latin1'),
  ],
  ['an authentication message cut short', 'PGBOUNCER_PROTOCOL_ERROR', Buffer.from('R\0\0\0\x04', 'latin1')],
  ['a message of two gigabytes', 'PGBOUNCER_PROTOCOL_ERROR', Buffer.from('R\x7f\xff\xff\xff', 'latin1')],
  ['a message of negative length', 'PGBOUNCER_PROTOCOL_ERROR', Buffer.from('R\xff\xff\xff\xff', 'latin1')],
  ['a row before the login', 'PGBOUNCER_PROTOCOL_ERROR', Buffer.from('D\0\0\0\x06\0\0', 'latin1')],
  [
    'a row description that lies',
    'PGBOUNCER_PROTOCOL_ERROR',
    Buffer.concat([loginOk, Buffer.from('T\0\0\0\x06\x7f\xff', 'latin1')]),
  ],
  [
    'a row that lies',
    'PGBOUNCER_PROTOCOL_ERROR',
    Buffer.concat([loginOk, Buffer.from('D\0\0\0\x0a\0\x01\x7f\xff\xff\xff', 'latin1')]),
  ],
  ['half a message', 'PGBOUNCER_TIMEOUT', Buffer.concat([loginOk, Buffer.from('T\0\0', 'latin1')])],
  [
    'a SCRAM challenge that is none',
    'PGBOUNCER_PROTOCOL_ERROR',
    Buffer.concat([
      Buffer.from('R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0', 'latin1'),
      Buffer.from('R\0\0\0\x0c\0\0\0\x0babcd', 'latin1'),
    ]),
  ],
]

describe('what answers on the port', () => {
  it.each(hostile)('is %s: %s', async (_what, code, bytes) => {
    await using server = await startHostileServer((socket) => {
      if (bytes === 'silence') return
      if (bytes === 'close') socket.destroy()
      else socket.write(bytes)
    })
    // Only where nothing comes the deadline is what ends it; elsewhere it must not be in the way.
    const timeoutMs = code === 'PGBOUNCER_TIMEOUT' ? 400 : 30_000
    await expect(openConsole(server.connection).query('SHOW VERSION', { timeoutMs })).rejects.toMatchObject({
      code,
    })
  })

  it('is random bytes: always an error of ours, never anything unhandled', async () => {
    await using server = await startHostileServer((socket) => {
      socket.write(Buffer.concat([loginOk, crypto.getRandomValues(Buffer.alloc(2000))]))
    })
    for (let round = 0; round < 30; round += 1) {
      await expect(
        openConsole(server.connection).query('SHOW POOLS', { timeoutMs: 100 }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^PGBOUNCER_(PROTOCOL_ERROR|TIMEOUT)$/) as string,
      })
    }
  })

  it('is an answer without end: bounded by the deadline', async () => {
    await using server = await startHostileServer((socket) => {
      socket.write(loginOk)
      const row = Buffer.from('D\0\0\0\x06\0\0', 'latin1')
      const pump = (): void => {
        while (socket.writable && socket.write(row.length === 7 ? Buffer.alloc(70_000, row) : row));
      }
      socket.on('drain', pump)
      pump()
    })
    await expect(
      openConsole(server.connection).query('SHOW POOLS', { timeoutMs: 300 }),
    ).rejects.toMatchObject({
      code: 'PGBOUNCER_TIMEOUT',
    })
  })
})

describe('an abort', () => {
  it("rejects with the signal's own reason", async () => {
    await using server = await startHostileServer(() => undefined)
    const controller = new AbortController()
    const reading = readPgBouncer({ connection: server.connection, signal: controller.signal })
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 50)
    await expect(reading).rejects.toBe(reason)
  })
})

describe('a real PgBouncer', () => {
  let server: PooledServer
  beforeAll(async () => {
    server = await startPooledServer({ settings: { max_client_conn: '3' } })
  })
  afterAll(() => server.stop())

  it('with a wrong password', async (context) => {
    const { bouncer } = server.get(context)
    const connection = { ...asStatsUser(bouncer), password: 'wrong-secret' }
    const error = await readPgBouncer({ connection }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PGBOUNCER_LOGIN_FAILED' })
    expect(String(error)).not.toContain('wrong-secret')
  })

  it('without a password', async (context) => {
    const { bouncer } = server.get(context)
    const { password: _, ...connection } = asStatsUser(bouncer)
    await expect(readPgBouncer({ connection })).rejects.toMatchObject({ code: 'PGBOUNCER_LOGIN_FAILED' })
  })

  it('with a user who has no rights to the console', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const connection = { ...asStatsUser(bouncer), user: postgres.user, password: postgres.password }
    await expect(readPgBouncer({ connection })).rejects.toMatchObject({ code: 'PGBOUNCER_NOT_ALLOWED' })
  })

  it('that is not there', async () => {
    const connection = { host: '127.0.0.1', port: 1, user: 'stats' }
    await expect(readPgBouncer({ connection })).rejects.toMatchObject({ code: 'PGBOUNCER_UNREACHABLE' })
  })

  it('with a host name that does not exist', async () => {
    const connection = { host: 'no-such-host.invalid', user: 'stats' }
    await expect(readPgBouncer({ connection })).rejects.toMatchObject({ code: 'PGBOUNCER_UNREACHABLE' })
  })

  it('that is paused is read all the same, with the clients that wait', async (context) => {
    const { bouncer } = server.get(context)
    await using admin = openConsole(asAdmin(bouncer))
    await admin.query('PAUSE')
    const waiting = bouncer.query('SELECT 1', 'postgres')
    const poolOf = async (): Promise<PoolRow | undefined> => {
      const { pools } = await readPgBouncer({ connection: asStatsUser(bouncer), show: ['pools'] })
      return pools?.find(({ database }) => database === 'postgres')
    }
    const pool = await until('one client that waits', poolOf, (row) => row?.clWaiting === 1)
    expect(pool).toMatchObject({ svActive: 0 })
    await admin.query('RESUME')
    await waiting
  })

  it('at max_client_conn is read all the same: the console does not count', async (context) => {
    const { bouncer } = server.get(context)
    const crowd = [1, 2, 3, 4, 5].map(() => new Client({ connectionString: bouncer.url() }))
    for (const client of crowd) client.on('error', () => undefined)
    const logins = await Promise.allSettled(crowd.map((client) => client.connect()))
    const { lists, failures } = await readPgBouncer({ connection: asStatsUser(bouncer) })
    expect(lists?.find(({ list }) => list === 'used_clients')?.items).toBeGreaterThanOrEqual(3)
    expect(failures).toEqual([])
    expect(logins.map(({ status }) => status)).toContain('rejected')
    await Promise.all(crowd.map((client) => client.end()))
  })

  it('that is stopped in mid-flight costs no more than the deadline, and is read again when it goes on', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    await console_.query('SHOW VERSION')
    await bouncer.kill('SIGSTOP')
    await expect(console_.query('SHOW POOLS', { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'PGBOUNCER_TIMEOUT',
    })
    await bouncer.kill('SIGCONT')
    expect((await console_.query('SHOW POOLS')).columns).toContain('cl_active')
  })

  it('that was killed is told, and read again once it is back', async (context) => {
    const { bouncer } = server.get(context)
    await using console_ = openConsole(asStatsUser(bouncer))
    await console_.query('SHOW VERSION')
    await bouncer.kill('SIGKILL')
    const outcome = (): Promise<string> =>
      console_.query('SHOW POOLS').then(
        () => 'answered',
        (error: { code: string }) => error.code,
      )
    await until('PgBouncer to be gone', outcome, (code) => code === 'PGBOUNCER_UNREACHABLE')
    await bouncer.restart()
    expect((await console_.query('SHOW POOLS')).columns).toContain('cl_active')
  })
})

describe('a connection through a bad network', () => {
  let server: PooledServer
  beforeAll(async () => {
    server = await startPooledServer()
  })
  afterAll(() => server.stop())

  const proxied = async (
    context: Parameters<PooledServer['get']>[0],
  ): Promise<{ proxy: FaultProxy; connection: ConnectionOptions }> => {
    const { bouncer } = server.get(context)
    const proxy = await startFaultProxy({ target: { host: bouncer.host, port: bouncer.port } })
    return { proxy, connection: { ...asStatsUser(bouncer), host: proxy.host, port: proxy.port } }
  }

  it('that went half-open ends by the deadline, says so, and is replaced once packets flow again', async (context) => {
    const { proxy, connection } = await proxied(context)
    await using _ = proxy
    await using console_ = openConsole(connection)
    await console_.query('SHOW VERSION')
    proxy.stall()
    const error = await console_.query('SHOW POOLS', { timeoutMs: 300 }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PGBOUNCER_TIMEOUT' })
    expect(String(error)).toContain(`SHOW POOLS on ${proxy.host}:${proxy.port} took longer than 300 ms`)
    // A new connection is accepted and then hears nothing: the same holds for the login.
    await expect(console_.query('SHOW POOLS', { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'PGBOUNCER_TIMEOUT',
    })
    proxy.heal()
    expect((await console_.query('SHOW POOLS')).columns).toContain('cl_active')
  })

  it('that stalls in the middle of an answer is pgbouncer_up 0 with the reason, and what was read is served', async (context) => {
    const { proxy, connection } = await proxied(context)
    await using _ = proxy
    await using exporter = createExporter({
      targets: connection,
      host: '127.0.0.1',
      port: 0,
      timeoutMs: 60_000,
    })
    const { port } = await exporter.start()
    const scrape = async (headers: Record<string, string> = {}): Promise<string> =>
      await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text()
    expect(await scrape()).toContain('pgbouncer_up 1\n')
    proxy.stall()
    const stalled = await scrape({ 'x-prometheus-scrape-timeout-seconds': '1' })
    expect(stalled).toContain('pgbouncer_up 0\n')
    expect(stalled).toContain(
      'pgbouncer_command_failure_info{command="SHOW POOLS",reason="PGBOUNCER_TIMEOUT"} 1\n',
    )
    proxy.heal()
    expect(await scrape()).toContain('pgbouncer_up 1\n')
  })

  it.for(['close', 'reset'] as const)(
    'that is cut (%s) in the middle of an answer is lost, not half an answer',
    async (style, context) => {
      const { proxy, connection } = await proxied(context)
      await using _ = proxy
      await using console_ = openConsole(connection)
      await console_.query('SHOW VERSION')
      // Cut again after every reconnect, so that the second try does not get through either.
      proxy.cut({ afterBytes: 700, direction: 'to-client', style })
      await expect(console_.query('SHOW CONFIG')).rejects.toMatchObject({ code: 'PGBOUNCER_CONNECTION_LOST' })
      proxy.heal()
      expect((await console_.query('SHOW CONFIG')).columns).toContain('key')
    },
  )

  it.for(['close', 'reset'] as const)(
    'that ended (%s) while nobody asked is opened again without a word',
    async (style, context) => {
      const { proxy, connection } = await proxied(context)
      await using _ = proxy
      await using console_ = openConsole(connection)
      await console_.query('SHOW VERSION')
      proxy.sever(style)
      expect((await console_.query('SHOW POOLS')).columns).toContain('cl_active')
    },
  )

  it('that is reset as soon as it is accepted is an error of ours', async (context) => {
    const { proxy, connection } = await proxied(context)
    await using _ = proxy
    proxy.refuse()
    await expect(openConsole(connection).query('SHOW VERSION')).rejects.toMatchObject({
      code: expect.stringMatching(/^PGBOUNCER_(UNREACHABLE|CONNECTION_LOST)$/) as string,
    })
  })
})
