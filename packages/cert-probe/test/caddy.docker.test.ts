import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkJson } from '@ops/internal-cli/check-json'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { discoverCaddy } from '../src/discover-caddy.ts'
import { exchange } from '../src/http-exchange.ts'
import type { ProbeReport } from '../src/report.ts'
import { probe, type ProbeOptions } from '../src/probe.ts'
import { probeMany } from '../src/probe-many.ts'
import { createTrustStore, type TrustStore } from '../src/trust.ts'
import { freePort } from './free-port.ts'
import { buildPeers, startPeer, type Peer } from './peers.ts'
import { issue } from './pki.ts'

/** So short that a renewal can be waited for: Caddy renews when a third of it is left. */
const LIFETIME_SECONDS = 60
const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const SITES = ['shop.test', 'www.shop.test', 'api.shop.test']

describe('Caddy with certificates of an ACME server', () => {
  let folder = ''
  let pebble: Peer | undefined
  let caddy: Peer | undefined
  let adminUrl = ''
  let httpsPort = 0
  let trust: TrustStore
  const probing = (): ProbeOptions => ({ trust, resolve: async () => [{ ip: '127.0.0.1', family: 4 }] })

  beforeAll(async () => {
    if (!(await dockerAvailable())) return
    const image = await buildPeers('trixie')
    folder = await mkdtemp(join(tmpdir(), 'cert-probe-caddy-'))
    const [acme, management, http, https, admin] = await Promise.all(Array.from({ length: 5 }, freePort))
    pebble = await startPebble(image, folder, acme!, management!)
    const roots = await readRoot(management!)
    trust = createTrustStore({ caPem: roots })
    await writeFile(
      join(folder, 'caddy.json'),
      JSON.stringify(caddyConfig(folder, acme!, http!, https!, admin!)),
    )
    caddy = await startPeer(image, ['caddy', 'run', '--config', join(folder, 'caddy.json')], https!, {
      mount: folder,
      env: { XDG_DATA_HOME: '/tmp/caddy', HOME: '/tmp/caddy' },
    })
    adminUrl = `http://127.0.0.1:${admin}`
    httpsPort = https!
  })
  afterAll(async () => {
    await caddy?.stop()
    await pebble?.stop()
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  it('is asked for all the sites that it serves, also within routes and for wildcards', async (context) => {
    needs(context, caddy !== undefined, 'Docker is not there')
    const sites = await discoverCaddy({ adminUrl })
    expect(sites).toEqual([
      { name: '*.wild.test', target: `wild.test:${httpsPort}`, isWildcard: true },
      { name: 'api.shop.test', target: `api.shop.test:${httpsPort}`, isWildcard: false },
      { name: 'localhost', target: `localhost:${httpsPort}`, isWildcard: false },
      { name: 'shop.test', target: `shop.test:${httpsPort}`, isWildcard: false },
      { name: 'www.shop.test', target: `www.shop.test:${httpsPort}`, isWildcard: false },
    ])
  })

  it('has had certificates issued for them, which are probed', async (context) => {
    needs(context, caddy !== undefined, 'Docker is not there')
    const targets = SITES.map((name) => `${name}:${httpsPort}`)
    const isTrusted = async (): Promise<unknown> =>
      (await probeMany(targets, probing())).map(({ endpoints }) => [
        endpoints[0]!.verdict?.isTrusted,
        endpoints[0]!.chain[0]?.sans.dns,
      ])
    await expect
      .poll(isTrusted, { timeout: 60_000, interval: 500 })
      .toEqual(SITES.map((name) => [true, [name]]))
  })

  it('renews them, which is seen; and had it not, the renewal would have been called overdue before expiry', async (context) => {
    needs(context, caddy !== undefined, 'Docker is not there')
    const target = `shop.test:${httpsPort}`
    const [first] = (await probe(target, probing())).endpoints
    const { notBefore, notAfter } = first!.chain[0]!
    const lifetimeMs = Date.parse(notAfter) - Date.parse(notBefore)
    const lateButValid = (): number => Date.parse(notAfter) - lifetimeMs / 6
    expect(
      (await probe(target, { ...probing(), now: () => Date.parse(notBefore) + lifetimeMs / 2 })).status,
    ).toBe('ok')
    const late = await probe(target, { ...probing(), now: lateButValid })
    expect(late.endpoints[0]!.verdict!.problems.map((problem) => problem.code)).toContain('renewal-overdue')
    const fingerprint = async (): Promise<string> =>
      (await probe(target, probing())).endpoints[0]!.chain[0]!.fingerprintSha256
    await expect
      .poll(fingerprint, { timeout: 2 * LIFETIME_SECONDS * 1000, interval: 1000 })
      .not.toBe(first!.chain[0]!.fingerprintSha256)
  })

  describe('on the command line', () => {
    let args: string[] = []
    beforeAll(async () => {
      if (caddy === undefined) return
      const rootFile = '/tmp/caddy/caddy/pki/authorities/local/root.crt'
      await writeFile(join(folder, 'caddy-root.pem'), await caddy.exec('cat', rootFile))
      args = ['-4', '--ca', join(folder, 'caddy-root.pem'), '--caddy', adminUrl]
    })

    it('check --caddy probes all its sites', async (context) => {
      needs(context, caddy !== undefined, 'Docker is not there')
      const checked = ['check', '--json', '--timeout', '5s', ...args]
      const { stdout } = await execFileWhatever([CLI, ...checked])
      checkJson('cert-probe', checked, stdout)
      const reports = JSON.parse(stdout) as ProbeReport[]
      const statuses = new Map(reports.map(({ target, status }) => [target, status]))
      const sites = await discoverCaddy({ adminUrl })
      expect([...statuses.keys()].toSorted()).toEqual(sites.map(({ target }) => target).toSorted())
      // Only this name leads to the Caddy without the tests' resolver.
      expect(statuses.get(`localhost:${httpsPort}`)).toBe('ok')
    })

    it('serve --caddy probes them on a schedule, and follows when sites are added', async (context) => {
      needs(context, caddy !== undefined, 'Docker is not there')
      const listen = ['--listen', '127.0.0.1:0', '--interval', '1s', '--timeout', '5s']
      const child = spawn(process.execPath, [CLI, 'serve', ...listen, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      try {
        let said = ''
        child.stderr.on('data', (data: Buffer) => (said += data.toString()))
        const url = (): string | undefined => /listening on (\S+?),/.exec(said)?.[1]
        await expect.poll(url, { timeout: 60_000 }).toBeDefined()
        const metrics = async (): Promise<string> => (await fetch(`${url()}/metrics`)).text()
        const target = `localhost:${httpsPort}`
        await expect
          .poll(metrics, { timeout: 60_000 })
          .toContain(`probe_success{target="${target}",location="127.0.0.1:${httpsPort}"} 1`)
        expect(await metrics()).toContain('ops_cert_discovery_success{source="caddy"} 1')
        expect((await fetch(`${url()}/probe?module=tcp&target=${target}`)).status).toBe(200)
        expect((await fetch(`${url()}/probe?module=tcp&target=late.shop.test:${httpsPort}`)).status).toBe(403)
        const route = {
          match: [{ host: ['late.shop.test'] }],
          handle: [{ handler: 'static_response', body: 'late' }],
        }
        // Not by fetch, whose headers are a browser's, which Caddy turns away.
        await exchange(new URL('/config/apps/http/servers/main/routes', adminUrl), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify(route)),
          maxBytes: 1024,
          signal: AbortSignal.timeout(60_000),
        })
        await expect
          .poll(metrics, { timeout: 60_000 })
          .toContain(`ops_cert_probe_last_run_timestamp_seconds{target="late.shop.test:${httpsPort}"`)
      } finally {
        child.kill('SIGTERM')
        await once(child, 'close')
      }
    })
  })

  it('says so when the admin API is not there', async (context) => {
    needs(context, caddy !== undefined, 'Docker is not there')
    await expect(discoverCaddy({ adminUrl: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'CERT_PROBE_DISCOVERY_FAILED',
    })
  })
})

/** What a program prints, whatever its exit code is. */
function execFileWhatever(args: readonly string[]): Promise<{ stdout: string }> {
  const { promise, resolve } = Promise.withResolvers<{ stdout: string }>()
  execFile(process.execPath, [...args], { maxBuffer: 64 << 20 }, (_error, stdout) => resolve({ stdout }))
  return promise
}

async function startPebble(
  image: string,
  folder: string,
  port: number,
  managementPort: number,
): Promise<Peer> {
  const ca = issue({ subject: [['CN', 'ACME server root']], ca: true })
  const own = issue({ subject: [['CN', 'localhost']], issuer: ca, dns: ['localhost'], ips: ['127.0.0.1'] })
  await writeFile(join(folder, 'acme-root.pem'), ca.pem)
  await writeFile(join(folder, 'acme.pem'), own.pem)
  await writeFile(join(folder, 'acme-key.pem'), own.keyPem)
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: join(folder, 'acme.pem'),
      privateKey: join(folder, 'acme-key.pem'),
      httpPort: 5002,
      tlsPort: 5001,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
      certificateValidityPeriod: LIFETIME_SECONDS,
      profiles: { default: { description: 'short', validityPeriod: LIFETIME_SECONDS } },
    },
  }
  await writeFile(join(folder, 'pebble.json'), JSON.stringify(config))
  const env = { PEBBLE_VA_ALWAYS_VALID: '1', PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' }
  return startPeer(image, ['pebble', '-config', join(folder, 'pebble.json')], managementPort, {
    mount: folder,
    env,
  })
}

/** The root of the certificates that pebble issues; it is another one at each start. */
function readRoot(managementPort: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request(
    { host: '127.0.0.1', port: managementPort, path: '/roots/0', rejectUnauthorized: false },
    (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.once('end', () => resolve(text))
    },
  )
    .once('error', reject)
    .end()
  return promise
}

function caddyConfig(folder: string, acme: number, http: number, https: number, admin: number): object {
  const handle = [{ handler: 'static_response', body: 'hello' }]
  const routes = [
    { match: [{ host: ['shop.test', 'www.shop.test'] }], handle },
    { handle: [{ handler: 'subroute', routes: [{ match: [{ host: ['api.shop.test'] }], handle }] }] },
    { match: [{ host: ['*.wild.test'] }], handle },
    { match: [{ host: ['localhost'] }], handle },
  ]
  const issuer = {
    module: 'acme',
    ca: `https://127.0.0.1:${acme}/dir`,
    trusted_roots_pem_files: [join(folder, 'acme-root.pem')],
    challenges: { 'tls-alpn': { disabled: true } },
  }
  return {
    admin: { listen: `127.0.0.1:${admin}` },
    apps: {
      http: {
        http_port: http,
        https_port: https,
        servers: {
          main: {
            listen: [`127.0.0.1:${https}`],
            routes,
            automatic_https: { skip_certificates: ['*.wild.test'] },
          },
        },
      },
      // Caddy takes the names of inner routes for its own only when it is told to.
      tls: {
        certificates: { automate: ['api.shop.test'] },
        automation: {
          renew_interval: '2s',
          // The name that also leads to this machine outside of the tests' resolver.
          policies: [{ subjects: ['localhost'], issuers: [{ module: 'internal' }] }, { issuers: [issuer] }],
        },
      },
      pki: { certificate_authorities: { local: { install_trust: false } } },
    },
  }
}
