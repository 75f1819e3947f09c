import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { createTlsSettings } from '../src/tls-settings.ts'
import { probe } from '../src/probe.ts'
import { probeMany } from '../src/probe-many.ts'
import { sanTargets } from '../src/san-targets.ts'
import { createTrustStore } from '../src/trust.ts'
import { issue, ocspResponse, OCSP_SIGNING, type Issued, type OcspAnswer } from './pki.ts'

const root = issue({ subject: [['CN', 'Root']], ca: true })
const trust = createTrustStore({ caPem: root.pem })
const good = issue({ subject: [['CN', 'localhost']], issuer: root, dns: ['localhost', 'other.localhost'] })
const expired = issue({
  subject: [['CN', 'localhost']],
  issuer: root,
  dns: ['localhost'],
  notBeforeDays: -90,
  notAfterDays: -2,
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function listen(
  server: Server,
  where: { path: string } | { host: string; port: number } = { host: '127.0.0.1', port: 0 },
): Promise<number> {
  server.on('connection', (socket) => {
    socket.on('error', () => undefined)
    cleanups.push(() => socket.destroy())
  })
  server.listen(where)
  await once(server, 'listening')
  cleanups.push(() => server.close())
  const address = server.address() as AddressInfo | string
  return typeof address === 'string' ? 0 : address.port
}

function tlsServer(certificate: Issued, options: TlsOptions = {}): Server {
  const server = createTlsServer({ key: certificate.keyPem, cert: certificate.pem, ...options }, (socket) =>
    socket.on('error', () => undefined),
  )
  server.on('tlsClientError', () => undefined)
  return server
}

describe('one probe', () => {
  it('says what was presented, agreed, verified, and how long each phase took', async () => {
    const port = await listen(tlsServer(good, { ALPNProtocols: ['h2'] }))
    const tls = createTlsSettings({ alpn: ['h2'] })
    const { endpoints, ...report } = await probe(`localhost:${port}`, {
      trust,
      tls,
      ipPreference: 'ip4-only',
    })
    expect(report).toMatchObject({ target: `localhost:${port}`, status: 'ok' })
    expect(endpoints).toMatchObject([
      {
        location: `127.0.0.1:${port}`,
        ip: '127.0.0.1',
        serverName: 'localhost',
        tls: { protocol: 'TLS 1.3', cipher: expect.stringMatching(/^TLS_AES_/), alpn: 'h2' },
        chain: [
          {
            subject: 'CN=localhost',
            issuer: 'CN=Root',
            key: { type: 'ec', curve: 'prime256v1' },
            signatureAlgorithm: 'ECDSA-SHA256',
          },
        ],
        verifiedChains: [{ certificates: [{ subject: 'CN=localhost' }, { subject: 'CN=Root' }] }],
        verdict: { isTrusted: true, daysLeft: 88, problems: [] },
      },
    ])
    const { timings } = endpoints[0]!
    expect(timings.totalMs).toBeGreaterThanOrEqual(timings.connectMs! + timings.tlsMs!)
    expect(JSON.parse(JSON.stringify(endpoints))).toEqual(endpoints)
  })

  it('finds the one address behind a name that was not renewed', async () => {
    const port = await listen(tlsServer(good))
    await listen(tlsServer(expired), { host: '127.0.0.2', port })
    const resolve = async (): Promise<{ ip: string; family: 4 }[]> => [
      { ip: '127.0.0.1', family: 4 },
      { ip: '127.0.0.2', family: 4 },
      { ip: '127.0.0.3', family: 4 },
    ]
    const report = await probe(`localhost:${port}`, { trust, resolve, addresses: 'all' })
    expect(report.status).toBe('critical')
    expect(report.endpoints.map(({ ip, status, failure }) => [ip, status, failure?.code])).toEqual([
      ['127.0.0.1', 'ok', undefined],
      ['127.0.0.2', 'critical', undefined],
      ['127.0.0.3', 'unknown', 'refused'],
    ])
    const any = await probe(`localhost:${port}`, {
      trust,
      resolve: async () => (await resolve()).toReversed(),
    })
    expect(any.endpoints.map(({ ip }) => ip)).toEqual(['127.0.0.2'])
  })

  it('speaks IPv6 and Unix sockets, and asks for another name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cert-probe-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    await listen(tlsServer(good), { path: join(folder, 'tls.sock') })
    const unix = await probe(`unix:${join(folder, 'tls.sock')}`, { trust, serverName: 'other.localhost' })
    expect(unix.endpoints).toMatchObject([
      { location: join(folder, 'tls.sock'), verdict: { isTrusted: true } },
    ])
    const port = await listen(tlsServer(good), { host: '::1', port: 0 })
    const ipv6 = await probe(`[::1]:${port}`, { trust })
    expect(ipv6.endpoints[0]).toMatchObject({ ip: '::1', verdict: { problems: [{ code: 'wrong-name' }] } })
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'shows the certificate of a server that wants one of the client, %s',
    async (version) => {
      const port = await listen(
        tlsServer(good, {
          requestCert: true,
          rejectUnauthorized: true,
          ca: root.pem,
          minVersion: version,
          maxVersion: version,
        }),
      )
      const client = issue({ subject: [['CN', 'client']], issuer: root, usages: ['1.3.6.1.5.5.7.3.2'] })
      const without = await probe(`localhost:${port}`, { trust, ipPreference: 'ip4' })
      expect(without.endpoints[0]).toMatchObject({
        status: 'ok',
        verdict: { daysLeft: 88 },
        failure: { phase: 'tls' },
      })
      const tls = createTlsSettings({ clientCertificatePem: client.pem, clientKeyPem: client.keyPem })
      const presented = await probe(`localhost:${port}`, { trust, tls, ipPreference: 'ip4' })
      expect(presented.endpoints[0]).toMatchObject({
        status: 'ok',
        tls: { protocol: version.replace('TLSv', 'TLS ') },
      })
      expect(presented.endpoints[0]!.failure).toBeUndefined()
    },
  )

  it('asks for a name without the dot that makes it complete', async () => {
    const server = tlsServer(good)
    const asked: unknown[] = []
    server.on('secureConnection', ({ servername }: TLSSocket) => asked.push(servername))
    const port = await listen(server)
    const report = await probe(`localhost.:${port}`, {
      trust,
      resolve: () => Promise.resolve([{ ip: '127.0.0.1', family: 4 }]),
    })
    expect(report.endpoints[0]).toMatchObject({ verdict: { isTrusted: true } })
    await expect.poll(() => asked, { timeout: 30_000 }).toEqual(['localhost'])
  })

  it('leaves the handshake what resolving the name has left of its time', async () => {
    const port = await listen(tlsServer(good))
    const timeoutMs = 600_000
    const { dial } = createTlsSettings()
    const given: number[] = []
    const report = await probe(`localhost:${port}`, {
      trust,
      timeoutMs,
      resolve: async () => {
        await sleep(50)
        return [{ ip: '127.0.0.1', family: 4 }]
      },
      tls: {
        dial: (order, signal) => {
          given.push(order.timeoutMs)
          return dial(order, signal)
        },
      },
    })
    const { status, timings } = report.endpoints[0]!
    expect(status).toBe('ok')
    expect(given).toEqual([Math.ceil(timeoutMs - timings.resolveMs!)])
    expect(given[0]).toBeLessThan(timeoutMs)
  })

  it('gives up when it is aborted, with the reason it was given', async () => {
    const port = await listen(createServer(() => undefined))
    const reason = new Error('enough')
    const controller = new AbortController()
    const running = probe(`127.0.0.1:${port}`, { trust, signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    await expect(running).rejects.toBe(reason)
  })

  it('does not connect to addresses that are not allowed', async () => {
    let connections = 0
    const port = await listen(createServer(() => (connections += 1)))
    const report = await probe(`localhost:${port}`, { trust, allowAddress: () => false, addresses: 'first' })
    expect(report.endpoints).toMatchObject([{ status: 'unknown', failure: { code: 'address-not-allowed' } }])
    expect(connections).toBe(0)
  })

  it('lists the other names of a certificate as targets', async () => {
    const port = await listen(tlsServer(good))
    const report = await probe(`localhost:${port}`, { trust, ipPreference: 'ip4' })
    expect(sanTargets([report])).toEqual([`other.localhost:${port}`])
  })
})

describe('many probes', () => {
  it('are not held up by targets that hang', async () => {
    const hanging = await listen(createServer(() => undefined))
    const fine = await listen(tlsServer(good))
    const targets = [
      ...Array.from({ length: 5 }, () => `127.0.0.1:${hanging}`),
      ...Array.from({ length: 20 }, () => `localhost:${fine}`),
    ]
    const enough = new AbortController()
    const statuses: string[] = []
    const running = probeMany(targets, {
      trust,
      // They would hang for longer than this test may take.
      timeoutMs: 600_000,
      concurrency: 6,
      ipPreference: 'ip4',
      signal: enough.signal,
      onReport: ({ status }) => {
        statuses.push(status)
        if (statuses.length === 20) enough.abort(new Error('all the others are done'))
      },
    })
    await expect(running).rejects.toThrow('all the others are done')
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 'ok'))
  })

  it('cost a target that hangs its own deadline, and say so', async () => {
    const hanging = await listen(createServer(() => undefined))
    const reports = await probeMany([`127.0.0.1:${hanging}`, `127.0.0.1:${hanging}`], {
      trust,
      timeoutMs: 300,
    })
    expect(reports).toMatchObject([
      { status: 'unknown', endpoints: [{ failure: { phase: 'tls', code: 'timeout' } }] },
      { status: 'unknown', endpoints: [{ failure: { phase: 'tls', code: 'timeout' } }] },
    ])
  })
})

describe('revocation', () => {
  const stapled = async (
    certificate: Issued,
    response: Buffer,
  ): Promise<Awaited<ReturnType<typeof probe>>['endpoints'][number]> => {
    const server = tlsServer(certificate)
    server.on('OCSPRequest', (_certificate, _issuer, callback: (error: null, response: Buffer) => void) =>
      callback(null, response),
    )
    return (await probe(`localhost:${await listen(server)}`, { trust, ipPreference: 'ip4' })).endpoints[0]!
  }
  const delegate = issue({ subject: [['CN', 'Responder']], issuer: root, usages: [OCSP_SIGNING] })
  const impostor = issue({ subject: [['CN', 'Root']], ca: true })

  it.each<[string, OcspAnswer, object, string[]]>([
    ['good', { status: 'good' }, { status: 'good', isTrusted: true }, []],
    [
      'revoked',
      { status: 'revoked' },
      { status: 'revoked', isTrusted: true, reason: 'keyCompromise' },
      ['revoked'],
    ],
    ['unknown', { status: 'unknown' }, { status: 'unknown', isTrusted: true }, ['revocation-unknown']],
    [
      'signed by a delegate',
      { status: 'good', signer: delegate, includeSigner: true },
      { isTrusted: true },
      [],
    ],
    [
      'signed by somebody else',
      { status: 'good', signer: impostor, includeSigner: true },
      { isTrusted: false },
      ['revocation-unknown'],
    ],
    [
      'revoked, says somebody else',
      { status: 'revoked', signer: impostor },
      { isTrusted: false },
      ['revocation-unknown'],
    ],
    [
      'signed by a server certificate of the same issuer',
      { status: 'good', signer: good, includeSigner: true },
      { isTrusted: false },
      ['revocation-unknown'],
    ],
    ['out of date', { status: 'good', nextUpdateHours: -2 }, { isTrusted: false }, ['revocation-unknown']],
  ])('stapled, %s', async (_what, answer, ocsp, codes) => {
    const endpoint = await stapled(good, ocspResponse(good, root, answer))
    expect(endpoint.ocsp).toMatchObject({ source: 'stapled', ...ocsp })
    expect(endpoint.verdict!.problems.map((problem) => problem.code)).toEqual(codes)
  })

  it('does not take a response about another certificate, or garbage', async () => {
    expect((await stapled(good, ocspResponse(expired, root, { status: 'good' }))).ocsp).toMatchObject({
      error: 'it says nothing about this certificate',
    })
    expect((await stapled(good, Buffer.from('3003020101', 'hex'))).ocsp).toMatchObject({
      error: expect.any(String),
    })
  })

  it('asks the responder, unless its address is not allowed', async () => {
    let response: Buffer = Buffer.alloc(0)
    const responder = createHttpServer((request, answer) =>
      request.resume().once('end', () => answer.end(response)),
    )
    const port = await listen(responder)
    const asked = issue({
      subject: [['CN', 'localhost']],
      issuer: root,
      dns: ['localhost'],
      ocspUrl: `http://127.0.0.1:${port}/`,
    })
    response = ocspResponse(asked, root, { status: 'revoked' })
    const target = `localhost:${await listen(tlsServer(asked))}`
    const report = await probe(target, { trust, ocsp: 'ask', ipPreference: 'ip4' })
    expect(report.endpoints[0]).toMatchObject({
      status: 'critical',
      ocsp: { source: 'asked', status: 'revoked' },
    })
    response = Buffer.alloc(200_000)
    expect(
      (await probe(target, { trust, ocsp: 'ask', ipPreference: 'ip4' })).endpoints[0]!.ocsp,
    ).toMatchObject({ error: expect.stringContaining('longer than') })
    let checked = 0
    const once = {
      trust,
      ocsp: 'ask',
      ipPreference: 'ip4',
      allowAddress: () => (checked += 1) === 1,
    } as const
    expect((await probe(target, once)).endpoints[0]!.ocsp).toMatchObject({
      error: expect.stringContaining('may be asked'),
    })
  })

  it('wants a staple of a certificate that demands one', async () => {
    const demanding = issue({
      subject: [['CN', 'localhost']],
      issuer: root,
      dns: ['localhost'],
      mustStaple: true,
    })
    const report = await probe(`localhost:${await listen(tlsServer(demanding))}`, {
      trust,
      ipPreference: 'ip4',
    })
    expect(report.endpoints[0]).toMatchObject({
      status: 'critical',
      verdict: { problems: [{ code: 'revocation-unknown' }] },
    })
  })
})
