import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseConnectionUrl, targetName } from './connection-options.ts'

describe('a connection', () => {
  it('is read from a URL, decoded', () => {
    expect(
      parseConnectionUrl('postgres://st%40ts:p%2Fw@[::1]:6433/pgbouncer?sslmode=require', {}),
    ).toMatchObject({
      user: 'st@ts',
      password: 'p/w',
      host: '::1',
      port: 6433,
      database: 'pgbouncer',
      sslMode: 'require',
    })
  })

  it("takes what the URL leaves open from libpq's environment", () => {
    const env = { PGHOST: '/run/pg', PGPORT: '7000', PGUSER: 'stats', PGPASSWORD: 'x', PGSSLMODE: 'disable' }
    expect(parseConnectionUrl(undefined, env)).toMatchObject({
      host: '/run/pg',
      port: 7000,
      user: 'stats',
      password: 'x',
    })
    expect(parseConnectionUrl('postgres://joe@db/pgbouncer', env)).toMatchObject({ host: 'db', user: 'joe' })
  })

  it('finds its password in a password file, each time anew', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pgpass-'))
    const file = join(folder, 'pass')
    writeFileSync(file, '# old\nother:6432:*:stats:no\n*:6432:pgbouncer:st\\:ats:se\\:cret\n')
    const { password } = parseConnectionUrl('postgres://st%3Aats@db/pgbouncer', { PGPASSFILE: file })
    expect(typeof password === 'function' && (await password())).toBe('se:cret')
    writeFileSync(file, 'db:*:*:*:new\n')
    expect(typeof password === 'function' && (await password())).toBe('new')
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['no URL', 'not a url'],
    ['another scheme', 'http://user:secret@host/'],
    ['a port out of range', 'postgres://user:secret@host:99999/'],
    ['an unknown sslmode', 'postgres://user:secret@host/?sslmode=maybe'],
    ['an unknown parameter', 'postgres://user:secret@host/?pooling=yes'],
    ['a certificate that is not there', 'postgres://user:secret@host/?sslrootcert=/none'],
  ])('is refused with %s, without repeating a secret', (_what, url) => {
    expect(() => parseConnectionUrl(url, {})).toThrow(
      expect.objectContaining({ code: 'PGBOUNCER_BAD_CONNECTION' }) as Error,
    )
    expect(() => parseConnectionUrl(url, {})).not.toThrow(/secret/)
  })

  it('is named without its user', () => {
    expect(targetName({ host: 'db', port: 1 })).toBe('db:1')
    expect(targetName({ host: '::1' })).toBe('[::1]:6432')
    expect(targetName({ host: '/run/pg', port: 6432 })).toBe('/run/pg/.s.PGSQL.6432')
  })
})
