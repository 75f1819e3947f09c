import { describe, expect, it } from 'vitest'
import { createNetworkPolicy, isPrivateAddress } from './network-policy.ts'
import { parseTarget } from './target.ts'

describe('what may be probed on request', () => {
  const policy = createNetworkPolicy({
    targets: ['internal.example:8443', 'postgres://10.1.2.3:5432'],
    patterns: ['*.example.com', 'mail.example:*', '10.0.0.0/8:6432', '[fd00::]/8:443', '/etc/ssl/*.pem'],
  })

  it.each([
    ['internal.example:8443', true],
    ['internal.example:443', false],
    ['postgres://10.1.2.3:5432', true],
    ['10.1.2.3:5432', false],
    ['www.example.com:443', true],
    ['www.example.com:80', false],
    ['example.com:443', false],
    ['www.example.com.evil.test:443', false],
    ['postgres://www.example.com:443', true],
    ['mail.example:25', true],
    ['10.9.8.7:6432', true],
    ['11.9.8.7:6432', false],
    ['[fd00::1]:443', true],
    ['[fe80::1]:443', false],
    ['/etc/ssl/site.pem', true],
    ['/etc/ssl/private/site.pem', false],
    ['/etc/ssl/../shadow.pem', false],
    ['/etc/passwd', false],
    ['unix:/run/docker.sock', false],
    ['kubernetes://default/x', false],
  ])('%s: %s', (target, isAllowed) => {
    expect(policy.allowsTarget(parseTarget(target))).toBe(isAllowed)
  })

  it('a pattern goes by what stands in DNS for names that are not ASCII', () => {
    const names = createNetworkPolicy({ targets: [], patterns: ['*.bücher.example:443'] })
    expect(names.allowsTarget(parseTarget('www.bücher.example'))).toBe(true)
    expect(names.allowsTarget(parseTarget('www.xn--bcher-kva.example'))).toBe(true)
    expect(names.allowsTarget(parseTarget('www.bucher.example'))).toBe(false)
  })

  it('a pattern of sockets goes by the protocol too', () => {
    const sockets = createNetworkPolicy({ targets: [], patterns: ['postgres+unix:/run/postgresql/*'] })
    expect(sockets.allowsTarget(parseTarget('postgres+unix:/run/postgresql/.s.PGSQL.5432'))).toBe(true)
    expect(sockets.allowsTarget(parseTarget('unix:/run/postgresql/.s.PGSQL.5432'))).toBe(false)
    expect(sockets.allowsTarget(parseTarget('postgres+unix:/run/docker.sock'))).toBe(false)
  })

  it.each([
    'https://*.example.com',
    '*.example.com:https',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.256/8',
    '',
    'a b',
  ])('refuses the pattern "%s", which would never match', (pattern) => {
    const create = (): unknown => createNetworkPolicy({ targets: [], patterns: [pattern] })
    expect(create).toThrow(expect.objectContaining({ code: 'CERT_PROBE_BAD_TARGET' }))
    expect(create).toThrow(`the pattern "${pattern}" makes no sense`)
  })

  it('does not let a name lead into the network, unless it was listed', () => {
    const allows = (target: string, ip: string): boolean => policy.allowsAddress(parseTarget(target), ip)
    expect(allows('www.example.com:443', '93.184.216.34')).toBe(true)
    expect(allows('www.example.com:443', '169.254.169.254')).toBe(false)
    expect(allows('www.example.com:443', '::ffff:127.0.0.1')).toBe(false)
    expect(allows('internal.example:8443', '10.0.0.1')).toBe(true)
    expect(allows('10.9.8.7:6432', '10.9.8.7')).toBe(true)
  })

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    '::',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('takes %s for private', (ip) => {
    expect(isPrivateAddress(ip)).toBe(true)
  })

  it.each(['93.184.216.34', '172.32.0.1', '2606:2800:220:1::1'])('takes %s for public', (ip) => {
    expect(isPrivateAddress(ip)).toBe(false)
  })
})
