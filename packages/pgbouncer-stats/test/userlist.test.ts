import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateAuthQuery } from '../src/auth-query.ts'
import { openConsole } from '../src/console.ts'
import {
  checkUserlist,
  readCredentials,
  renderUserlist,
  writeUserlist,
  type Credential,
} from '../src/userlist.ts'
import { parseUserlist } from '../src/userlist-parse.ts'
import { asAdmin, socketFolder, startPooledServer, type PooledServer } from './pooled-server.ts'

let server: PooledServer
beforeAll(async () => {
  server = await startPooledServer({ settings: { pool_mode: 'transaction' } })
})
afterAll(() => server.stop())

async function credentialsOf(connectionString: string): Promise<Credential[]> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return await readCredentials(client)
  } finally {
    await client.end()
  }
}

async function logsIn(connectionString: string): Promise<boolean> {
  const client = new Client({ connectionString })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    await client.end()
    return true
  } catch {
    return false
  }
}

describe('userlist.txt', () => {
  it('follows a rotated password: stale before, in step after, and the new password logs in', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const file = join(socketFolder(bouncer), 'userlist.txt')
    await postgres.query(
      `CREATE ROLE "we""ird" LOGIN PASSWORD 'first'; CREATE ROLE gone LOGIN PASSWORD 'x'; CREATE ROLE late LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'; CREATE ROLE nopassword LOGIN`,
    )
    const selection = { users: ['we"ird', 'gone', postgres.user] }
    const kept = readFileSync(file, 'utf8')
    const own = (text: string): string =>
      text +
      kept
        .split('\n')
        .filter((line) => line.includes('bouncer_'))
        .join('\n')

    const admin = openConsole(asAdmin(bouncer))
    const write = async (): Promise<unknown> => {
      const text = own(renderUserlist(await credentialsOf(postgres.url()), selection))
      return await writeUserlist({ file, text, console: admin })
    }
    expect(await write()).toMatchObject({ changed: true, reloaded: true })
    expect(await write()).toMatchObject({ changed: false, reloaded: false })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(file).uid).toBe(statSync(bouncer.iniPath).uid)
    const as = (password: string): string => bouncer.url('postgres', { user: 'we"ird', password })
    expect(await logsIn(as('first'))).toBe(true)

    await postgres.query(`ALTER ROLE "we""ird" PASSWORD 'second'; DROP ROLE gone`)
    const check = await checkUserlist({
      userlist: readFileSync(file, 'utf8'),
      credentials: await credentialsOf(postgres.url()),
      selection,
    })
    const states = Object.fromEntries(check.users.map(({ user, state }) => [user, state]))
    expect(states).toMatchObject({ 'we"ird': 'stale', gone: 'superfluous', [postgres.user]: 'ok' })
    expect(await logsIn(as('second'))).toBe(false)

    expect(await write()).toMatchObject({ changed: true, reloaded: true })
    expect(await logsIn(as('second'))).toBe(true)
    expect(await logsIn(as('first'))).toBe(false)
    await admin[Symbol.asyncDispose]()
  })

  it('tells plain passwords that fit from those that do not, missing users, and those whose time is over', async (context) => {
    const { postgres } = server.get(context)
    const credentials = await credentialsOf(postgres.url())
    const userlist = `"${postgres.user}" "${postgres.password}"\n"late" "x"\n`
    const { users } = await checkUserlist({
      userlist,
      credentials,
      selection: { users: [postgres.user, 'we"ird'] },
    })
    expect(users).toEqual([
      { user: postgres.user, kind: 'plain', state: 'ok' },
      { user: 'late', kind: 'plain', state: 'expired' },
      { user: 'we"ird', state: 'missing' },
    ])
    const wrong = await checkUserlist({
      userlist: `"${postgres.user}" "wrong"`,
      credentials,
      selection: { users: [] },
    })
    expect(wrong.users).toEqual([{ user: postgres.user, kind: 'plain', state: 'stale' }])
  })

  it('leaves out roles without a password, and writes nothing rather than an empty list', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const credentials = await credentialsOf(postgres.url())
    expect(parseUserlist(renderUserlist(credentials)).map(({ user }) => user)).not.toEqual(
      expect.arrayContaining(['nopassword']),
    )
    const file = join(socketFolder(bouncer), 'other.txt')
    writeFileSync(file, '"a" "b"\n')
    await expect(writeUserlist({ file, text: '' })).rejects.toMatchObject({
      code: 'PGBOUNCER_USERLIST_INVALID',
    })
    expect(readFileSync(file, 'utf8')).toBe('"a" "b"\n')
  })

  it('cannot be made by a user who may not read pg_authid', async (context) => {
    const { postgres } = server.get(context)
    await postgres.query("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    await expect(
      credentialsOf(postgres.url('postgres', { user: 'plain', password: 'plain' })),
    ).rejects.toMatchObject({ code: 'PGBOUNCER_CREDENTIALS_UNREADABLE' })
  })
})

describe('auth_query', () => {
  it('lets users of PostgreSQL in that no file knows, but no superuser, and nobody whose time is over', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const setup = generateAuthQuery()
    await postgres.query(setup.sql)
    await postgres.query(setup.sql)
    await postgres.query(
      `ALTER ROLE pgbouncer_auth PASSWORD 'lookup'; CREATE ROLE app LOGIN PASSWORD 'app-secret'; CREATE ROLE expired LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'; CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss-secret'`,
    )
    const file = join(socketFolder(bouncer), 'userlist.txt')
    await writeUserlist({
      file,
      text: `${readFileSync(file, 'utf8').trimEnd()}\n"pgbouncer_auth" "lookup"\n`,
    })
    const ini = readFileSync(bouncer.iniPath, 'utf8')
    writeFileSync(
      bouncer.iniPath,
      `${ini}\nauth_user = ${setup.settings.auth_user}\nauth_query = ${setup.settings.auth_query}\n`,
    )
    await bouncer.reload()
    const as = (user: string, password: string): string => bouncer.url('postgres', { user, password })
    expect(await logsIn(as('app', 'app-secret'))).toBe(true)
    expect(await logsIn(as('app', 'wrong'))).toBe(false)
    expect(await logsIn(as('expired', 'x'))).toBe(false)
    expect(await logsIn(as('boss', 'boss-secret'))).toBe(false)
    const rows = await postgres.query(
      "SELECT has_function_privilege('app', 'pgbouncer.user_lookup(text)', 'EXECUTE') AS may",
    )
    expect(rows[0]).toEqual({ may: false })
  })

  it('refuses names that would need quoting', () => {
    expect(() => generateAuthQuery({ role: "x'; DROP TABLE a; --" })).toThrow(
      expect.objectContaining({ code: 'PGBOUNCER_BAD_OPTIONS' }) as Error,
    )
  })
})
