import { execFile } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probe } from '../src/probe.ts'
import type { StartTlsProtocol } from '../src/starttls.ts'
import { createTrustStore } from '../src/trust.ts'
import { buildStartTlsServers } from './peers.ts'
import { issue } from './pki.ts'

const run = promisify(execFile)

const SERVERS: readonly (readonly [StartTlsProtocol, server: string, port: number])[] = [
  ['smtp', 'Postfix', 25],
  ['imap', 'Dovecot', 143],
  ['pop3', 'Dovecot', 110],
  ['ftp', 'vsftpd', 21],
  ['ldap', 'OpenLDAP', 389],
  ['mysql', 'MariaDB', 3306],
]

const root = issue({ subject: [['CN', 'Root']], ca: true, notAfterDays: 1000 })
const intermediate = issue({ subject: [['CN', 'Intermediate']], issuer: root, ca: true, notAfterDays: 500 })
const leaf = issue({
  subject: [['CN', 'localhost']],
  issuer: intermediate,
  dns: ['localhost'],
  ips: ['127.0.0.1'],
  key: 'rsa2048',
})
const trust = createTrustStore({ caPem: root.pem })

describe('STARTTLS of the real servers', () => {
  let container = ''
  const ports = new Map<number, number>()

  beforeAll(async () => {
    if (!(await dockerAvailable())) return
    const image = await buildStartTlsServers()
    const published = SERVERS.flatMap(([, , port]) => ['--publish', `127.0.0.1::${port}`])
    // By the environment and not by arguments, which everybody on this machine can read.
    const passed = ['--env', 'TLS_CHAIN', '--env', 'TLS_KEY']
    const { stdout } = await run('docker', ['run', '--detach', '--init', ...published, ...passed, image], {
      env: { ...process.env, TLS_CHAIN: leaf.pem + intermediate.pem, TLS_KEY: leaf.keyPem },
    })
    container = stdout.trim()
    for (const [, , port] of SERVERS) {
      const { stdout: address } = await run('docker', ['port', container, `${port}/tcp`])
      ports.set(port, Number(/:(\d+)$/m.exec(address)![1]))
    }
  })
  afterAll(async () => {
    if (container !== '') await run('docker', ['rm', '--force', '--volumes', container])
  })

  /** The fingerprints of what `openssl s_client` is shown. */
  async function shownToOpenssl(protocol: StartTlsProtocol, port: number): Promise<string[]> {
    const script = `openssl s_client -connect 127.0.0.1:${port} -starttls ${protocol} -servername localhost -showcerts </dev/null`
    const { stdout } = await run('docker', ['exec', container, 'sh', '-c', script])
    const pems = stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    return pems.map((pem) => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex'))
  }

  it.each(SERVERS)('%s: %s shows what it shows to openssl s_client', async (protocol, _server, port) => {
    const context = { skip: (): void => undefined }
    needs(context, container !== '', 'Docker is not there')
    const probing = async (): ReturnType<typeof probe> =>
      probe(`${protocol}://localhost:${ports.get(port)}`, {
        trust,
        resolve: async () => [{ ip: '127.0.0.1', family: 4 }],
        timeoutMs: 30_000,
      })
    // The servers take a while to start, each its own.
    await expect
      .poll(async () => (await probing()).endpoints[0]!.failure, { timeout: 120_000, interval: 500 })
      .toBeUndefined()
    const report = await probing()
    expect(report).toMatchObject({ status: 'ok', endpoints: [{ verdict: { isTrusted: true } }] })
    const shown = await shownToOpenssl(protocol, port)
    expect(report.endpoints[0]!.chain.map((each) => each.fingerprintSha256)).toEqual(shown)
    expect(shown).toHaveLength(2)
  })

  it('of a server that waits for STARTTLS, plain TLS says that it is none', async (context) => {
    needs(context, container !== '', 'Docker is not there')
    const report = await probe(`127.0.0.1:${ports.get(25)}`, { trust, timeoutMs: 30_000 })
    expect(report.endpoints).toMatchObject([
      { status: 'unknown', failure: { phase: 'tls', code: 'not-tls' } },
    ])
  })
})
