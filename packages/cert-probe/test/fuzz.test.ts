import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCertificate } from '../src/certificate.ts'
import { createTlsSettings } from '../src/tls-settings.ts'
import { readOcspResponse } from '../src/ocsp.ts'
import { pemCertificates, readPem } from '../src/pem.ts'
import { readPkcs12 } from '../src/pkcs12.ts'
import { probe } from '../src/probe.ts'
import { createTrustStore } from '../src/trust.ts'
import { issue, ocspResponse } from './pki.ts'

const root = issue({ subject: [['CN', 'Root']], ca: true })
const leaf = issue({ subject: [['CN', 'localhost']], issuer: root, dns: ['localhost'], key: 'rsa2048' })
const trust = createTrustStore({ caPem: root.pem })
const tls = createTlsSettings()

/** Some octets of something real are changed, some cut off, some put in. */
function mutated(real: Buffer): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.nat(real.length - 1),
    kind: fc.constantFrom('set', 'flip', 'cut', 'insert'),
    value: fc.nat(255),
  })
  return fc.array(change, { minLength: 1, maxLength: 6 }).map((changes) =>
    changes.reduce((bytes, { at, kind, value }) => {
      const here = Math.min(at, Math.max(0, bytes.length - 1))
      const copy = Buffer.from(bytes)
      if (copy.length === 0) return copy
      if (kind === 'set') copy[here] = value
      if (kind === 'flip') copy[here] = copy[here]! ^ (1 << (value & 7))
      if (kind === 'cut') return copy.subarray(0, here)
      if (kind === 'insert')
        return Buffer.concat([copy.subarray(0, here), Buffer.from([value]), copy.subarray(here)])
      return copy
    }, real),
  )
}

/** What `read` throws, unless it is what it should throw; `undefined` is fine. */
async function unexpectedErrorOf(read: () => unknown, expected: string): Promise<unknown> {
  try {
    await read()
    return undefined
  } catch (error) {
    return (error as Error).name === expected ? undefined : error
  }
}

describe('hostile bytes', () => {
  it('as a certificate: read, or refused with DerError', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(leaf.der), async (bytes) => {
        const read = (): unknown => JSON.stringify(parseCertificate(bytes).info)
        expect(await unexpectedErrorOf(read, 'DerError')).toBeUndefined()
      }),
      { numRuns: 3000 },
    )
  })

  it('as an OCSP response: never trusted with another status, or refused with DerError', async () => {
    const real = ocspResponse(leaf, root, { status: 'good' })
    const [certificate, issuer] = [parseCertificate(leaf.der), parseCertificate(root.der)]
    const trusted = new Set<string>()
    await fc.assert(
      fc.asyncProperty(mutated(real), async (bytes) => {
        const read = (): void => {
          const { isTrusted, status } = readOcspResponse(bytes, certificate, issuer, Date.now())
          if (isTrusted) trusted.add(status)
        }
        expect(await unexpectedErrorOf(read, 'DerError')).toBeUndefined()
      }),
      { numRuns: 2000 },
    )
    // Only the outermost parts may change without breaking the signature.
    expect([...trusted].filter((status) => status !== 'good')).toEqual([])
  })

  it('as PKCS#12: refused as a failure of the probe', async () => {
    const file = Buffer.from(PKCS12, 'base64')
    await fc.assert(
      fc.asyncProperty(mutated(file), async (bytes) => {
        const read = (): unknown => readPkcs12(bytes, 'secret', 'x.p12')
        expect(await unexpectedErrorOf(read, 'ProbeFailure')).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  it('as PEM: nothing but what is whole, in linear time', () => {
    fc.assert(
      fc.property(mutated(Buffer.from(leaf.pem + root.pem)), (bytes) => {
        expect(pemCertificates(bytes.toString('latin1')).length).toBeLessThanOrEqual(2)
      }),
    )
    const startedAt = performance.now()
    expect(readPem('-----BEGIN CERTIFICATE-----\n'.repeat(300_000))).toEqual([])
    expect(readPem('-----BEGIN '.repeat(700_000))).toEqual([])
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})

describe('hostile servers', () => {
  const sockets = new Set<Socket>()
  let server: Server
  let port = 0
  let answer: (socket: Socket) => void = () => undefined

  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => sockets.delete(socket))
      socket.once('data', () => answer(socket))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  async function expectClearFailure(respond: (socket: Socket) => void, timeoutMs = 30_000): Promise<string> {
    answer = respond
    const report = await probe(`127.0.0.1:${port}`, { trust, tls, timeoutMs })
    expect(report.endpoints).toMatchObject([
      { status: 'unknown', chain: [], failure: { phase: 'tls', message: expect.any(String) } },
    ])
    return report.endpoints[0]!.failure!.code
  }

  it('answer with noise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), async (noise) => {
        expect(await expectClearFailure((socket) => socket.end(noise))).toEqual(expect.any(String))
      }),
      { numRuns: 60 },
    )
  })

  it('cut or change a real handshake anywhere', async () => {
    const real = await recordedFlight()
    await fc.assert(
      fc.asyncProperty(mutated(real), async (flight) => {
        answer = (socket) => socket.end(flight)
        const report = await probe(`127.0.0.1:${port}`, { trust, tls, timeoutMs: 30_000 })
        expect(report.endpoints[0]!.failure).toMatchObject({ phase: 'tls', message: expect.any(String) })
      }),
      { numRuns: 60 },
    )
  })

  it('send certificates without end: refused, in bounded memory', async () => {
    const before = process.memoryUsage().rss
    // A record of TLS 1.2 that begins a Certificate message of 1 MB, after a ServerHello.
    const flight = await recordedFlight()
    const helloLength = 5 + flight.readUInt16BE(3)
    const claim = Buffer.from([11, 0x10, 0, 0, 0x0f, 0xff, 0xfd])
    const body = Buffer.concat([claim, Buffer.alloc((1 << 20) - claim.length, 0x30)])
    const records: Buffer[] = []
    for (let at = 0; at < body.length; at += 16_384) {
      const part = body.subarray(at, at + 16_384)
      records.push(Buffer.from([22, 3, 3, part.length >> 8, part.length & 0xff]), part)
    }
    const hello = hasOneMessage(flight) ? flight.subarray(0, helloLength) : flight
    const code = await expectClearFailure((socket) => socket.end(Buffer.concat([hello, ...records])))
    expect(['chain-too-large', 'tls-failed', 'not-tls']).toContain(code)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
  })

  it('present a chain of 90 KB: judged; one of 300 KB: refused, and said why', async () => {
    const filler = (size: number): string =>
      Array.from(
        { length: size },
        (_, index) =>
          issue({
            subject: [
              ['CN', `Filler ${index}`],
              ['O', 'x'.repeat(600)],
            ],
            ca: true,
          }).pem,
      ).join('')
    const chainOf = async (size: number): Promise<Awaited<ReturnType<typeof probe>>> => {
      const large = createTlsServer({ key: leaf.keyPem, cert: leaf.pem + filler(size) }, (socket) =>
        socket.on('error', () => undefined),
      )
      large.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
      await once(large, 'listening')
      try {
        return await probe(`localhost:${(large.address() as AddressInfo).port}`, {
          trust,
          tls,
          ipPreference: 'ip4',
        })
      } finally {
        large.close()
      }
    }
    const judged = await chainOf(50)
    expect(judged.status).toBe('ok')
    expect(judged.endpoints[0]!.chain).toHaveLength(51)
    expect((await chainOf(190)).endpoints[0]!.failure).toMatchObject({ code: 'chain-too-large' })
  })

  it('say one octet a second: they cost their own deadline', async () => {
    const startedAt = performance.now()
    const code = await expectClearFailure((socket) => {
      const timer = setInterval(() => socket.write(Buffer.from([22])), 100)
      socket.once('close', () => clearInterval(timer))
    }, 700)
    expect(['timeout', 'not-tls']).toContain(code)
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})

function hasOneMessage(flight: Buffer): boolean {
  return flight.readUIntBE(6, 3) + 4 === flight.readUInt16BE(3)
}

/** What a real server of TLS 1.2 answers to a ClientHello. */
async function recordedFlight(): Promise<Buffer> {
  const server = createTlsServer({ key: leaf.keyPem, cert: leaf.pem, maxVersion: 'TLSv1.2' })
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const chunks: Buffer[] = []
  const relay = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    client.once('data', (hello) => upstream.write(hello))
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk))
    setTimeout(() => {
      client.destroy()
      upstream.destroy()
    }, 200)
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  await probe(`127.0.0.1:${(relay.address() as AddressInfo).port}`, { trust, tls, timeoutMs: 30_000 })
  relay.close()
  server.close()
  return Buffer.concat(chunks)
}

/** One certificate and its key, by `openssl pkcs12 -export`; the password is "secret". */
const PKCS12 = [
  'MIID+QIBAzCCA7AGCSqGSIb3DQEHAaCCA6EEggOdMIIDmTCCAlEGCSqGSIb3DQEHBqCCAkIwggI+AgEAMIICNwYJKoZIhvcN',
  'AQcBMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAg/xhFMyzlMjQIBZDAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQB',
  'KgQQM9zaIfSbp+gvGWX94eBHsYCCAdDuK70yyUiq0mtvq1elnCur9vY8gPhaf/vqtl3cBLtb5JV+6x7sdUOuR5e3260+m+Pp',
  'YdsWjVG3EE4zVOetepvEiBWB8/vPrfIW7DH37fNmkLXd18ZGFqWEgJnzS0ggnS/1mL4UA9jLrraGo2gNU9tkCfZo9LAQuhM5',
  'jPTHTMJI6ZVtWGi6PpoQapobx1Ms5D6RvPPwh3SqJU+FTd9O8FZlinVHvypUm1n3iRjU+JN0GZhuDYoJM3eVTema0xlSd3Zu',
  'JwLUCaK8g7AYoaVAM2ubpRn1rHIOVWyn91boe/OXB95PHUPrl8KZHV78nFcyq4sbAkMUZhZcP40t1QaNtPXJODo7rj9ZQPy5',
  'gjvMPsTR7Ai8Tv4S8HL8AP9R6fkcM3IpwInxmYWwethnhC7eBRCepE5Mcu41nQc2NNopSFUExsZXhLJaeGq5eVtEUXKKVTrv',
  'JUiVH32HCviQ34HG5Ah1kVwDrIRg7gEXbvm+qS+poc7WQ5xvoTiei6nwUNzaBREAmzRAPR6fo3zEjza4fO0JQnNFJdsTcfj6',
  'pF7ZUkPJp2BKMGpmNQOGLIF8CoZ2XlH1ORDxJbOTGbJtFugXAlA5MM/Gd5SdBKxtx+RvaKMoYzCCAUAGCSqGSIb3DQEHAaCC',
  'ATEEggEtMIIBKTCCASUGCyqGSIb3DQEMCgECoIHuMIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAi21nUziWhf',
  'mQIBZDAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQbKdS2zN6aWdiDpL1CcbN+QSBkEN/ET0JwHe7l0nmcJTxWTIAu128',
  '7n05499D/RnWraYQPkUatIkWYybI33iRkXCcIMaYZ6rbyx1ok5lbf+TqmTFNadU1gnDvwAIxg5rcNZj2OxL4N+coe9IfRXe6',
  '4SXEKhmRg8COtmcVdhQwPRtUnjohUfMyp7VPn1l9UYQ5xreQOP1G4BqgYOfhTh2z/KyN0DElMCMGCSqGSIb3DQEJFTEWBBSz',
  'gfHv41Jws4ORiZec1OZVR8ZZqDBAMDEwDQYJYIZIAWUDBAIBBQAEIG3htky8L5JOOZ3GUUzHKsLsrMouNKYJiIRrwG9c8D8q',
  'BAhxZ3Ev4VmMEQIBZA==',
].join('')
