import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCertProbeError } from './errors.ts'
import { formatTarget, parseTarget } from './target.ts'

describe('targets', () => {
  it.each([
    ['example.com', { kind: 'network', host: 'example.com', port: 443 }],
    ['example.com:8443', { kind: 'network', host: 'example.com', port: 8443 }],
    ['https://example.com/path?q#f', { kind: 'network', host: 'example.com', port: 443 }],
    ['bücher.example:8443', { kind: 'network', host: 'xn--bcher-kva.example', port: 8443 }],
    ['[2001:db8::1]:443', { kind: 'network', host: '2001:db8::1', port: 443 }],
    ['2001:db8::1', { kind: 'network', host: '2001:db8::1', port: 443 }],
    ['postgres://user:pass@db:6432/app', { kind: 'network', host: 'db', port: 6432, startTls: 'postgres' }],
    ['smtp://mail.example', { kind: 'network', host: 'mail.example', port: 25, startTls: 'smtp' }],
    ['tls://db:5432', { kind: 'network', host: 'db', port: 5432 }],
    ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    [
      'postgres+unix:/run/postgresql/.s.PGSQL.5432',
      { kind: 'unix', path: '/run/postgresql/.s.PGSQL.5432', startTls: 'postgres' },
    ],
    ['/etc/ssl/site.pem', { kind: 'file', path: '/etc/ssl/site.pem' }],
    ['file:///etc/ssl/a%20b.pem', { kind: 'file', path: '/etc/ssl/a b.pem' }],
    ['kubernetes://shop/tls-*', { kind: 'kubernetes', namespace: 'shop', secret: 'tls-*' }],
  ])('reads %s', (text, target) => {
    expect(parseTarget(text)).toEqual(target)
    expect(parseTarget(formatTarget(parseTarget(text)))).toEqual(target)
  })

  it.each([
    '',
    'example.com:0',
    'example.com:99999',
    'tls://host',
    'gopher://x',
    'constructor://x:1',
    'a b',
    '[::1',
    'unix:',
    'kubernetes://x',
  ])('refuses %s, and says what it must be', (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'CERT_PROBE_BAD_TARGET' }))
  })

  it('never repeats a password', () => {
    expect(() => parseTarget('gopher://user:secret@host')).toThrow(/gopher:\/\/…@host/)
    expect(formatTarget(parseTarget('postgres://user:secret@host'))).not.toContain('secret')
  })

  it('reads back whatever it wrote, and throws nothing else at anything', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const target = parseTarget(text)
          expect(parseTarget(formatTarget(target))).toEqual(target)
        } catch (error) {
          if (!isCertProbeError(error)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})
