import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectionEnvironment, describeConnection, parseConnectionUri } from './connection.ts'

describe('a connection URI', () => {
  it.each([
    ['postgres://localhost', { host: 'localhost' }],
    ['postgresql:///app', { database: 'app' }],
    [
      'postgres://backup@db.example:6543/app',
      { user: 'backup', host: 'db.example', port: 6543, database: 'app' },
    ],
    ['postgres://u:p%40ss%3A%2F@h/d%2Fe', { user: 'u', password: 'p@ss:/', host: 'h', database: 'd/e' }],
    ['postgres://[::1]:5433/app', { host: '::1', port: 5433, database: 'app' }],
    ['postgres://%2Fvar%2Frun%2Fpostgresql/app', { host: '/var/run/postgresql', database: 'app' }],
    ['postgres:///app?host=/tmp&port=5433', { host: '/tmp', port: 5433, database: 'app' }],
    ['postgres://a,b:5433/app', { host: 'a,b', database: 'app', parameters: { port: ',5433' } }],
    [
      'postgres://h/app?sslmode=verify-full&sslrootcert=/ca.pem',
      { host: 'h', database: 'app', parameters: { sslmode: 'verify-full', sslrootcert: '/ca.pem' } },
    ],
    ['postgres://h/app?ssl=true', { host: 'h', database: 'app', parameters: { sslmode: 'require' } }],
  ])('%s', (uri, expected) => {
    expect(parseConnectionUri(uri)).toEqual({ parameters: {}, ...expected })
  })

  it.each([
    '',
    'mysql://h',
    'h/app',
    'postgres://h:99999/app',
    'postgres://h:x/app',
    'postgres://u:%ZZ@h/app',
    'postgres://h/app?sslpassword=x',
    'postgres://h/app?nonsense=1',
  ])('%j is refused without being repeated', (uri) => {
    expect(() => parseConnectionUri(uri)).toThrow(
      expect.objectContaining({ code: 'BACKUP_BAD_OPTIONS' }) as Error,
    )
  })

  it('gives back any user, password and database that were encoded into it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'binary' }),
        fc.string({ minLength: 1 }),
        (user, password, database) => {
          fc.pre([user, password, database].every((text) => text.isWellFormed() && !text.includes('\0')))
          const uri = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h/${encodeURIComponent(database)}`
          expect(parseConnectionUri(uri)).toMatchObject({ user, password, database })
        },
      ),
    )
  })

  it('never shows a password in what it says of a connection or in an error', () => {
    const connection = parseConnectionUri('postgres://u:hunter2@h/app')
    expect(describeConnection(connection, {})).toBe('database "app" on h:5432 as "u"')
    for (const uri of [
      'postgres://u:hunter2@h:x/app',
      'postgres://u:hunter2@h/app?nonsense=1',
      'nonsense://u:hunter2@h',
    ]) {
      expect(() => parseConnectionUri(uri)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('hunter2') as string }) as Error,
      )
    }
  })
})

describe('the environment of a libpq program', () => {
  it('has what the connection says, and for the rest what was there', () => {
    const environment = connectionEnvironment(
      { host: 'h', password: 's', parameters: { sslmode: 'require' } },
      { PGHOST: 'other', PGUSER: 'u' },
    )
    expect(environment).toMatchObject({ PGHOST: 'h', PGUSER: 'u', PGPASSWORD: 's', PGSSLMODE: 'require' })
  })

  it('speaks English and leaves the encoding to the database', () => {
    expect(connectionEnvironment({}, { LC_ALL: 'de_DE.UTF-8', PGCLIENTENCODING: 'latin1' })).toEqual({
      LC_ALL: 'C',
      PGCONNECT_TIMEOUT: '10',
    })
  })

  it('has no secret that is not for the database', () => {
    const secrets = { AWS_SECRET_ACCESS_KEY: 'a', OPS_BACKUP_PASSPHRASE: 'b', OPS_WEBHOOK_URL: 'c' }
    expect(Object.keys(connectionEnvironment({ password: 's' }, secrets)).toSorted()).toEqual([
      'LC_ALL',
      'PGCONNECT_TIMEOUT',
      'PGPASSWORD',
    ])
  })

  it('refuses a NUL byte, at which the operating system would cut the value off', () => {
    expect(() => connectionEnvironment({ database: 'app\0_evil' })).toThrow('NUL')
  })
})
