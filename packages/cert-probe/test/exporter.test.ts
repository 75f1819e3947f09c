import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import * as successor from '@prometheus-io/client'
import * as promClient from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createExporter, type ExporterOptions } from '../src/exporter.ts'
import { defaultModules, loadModules } from '../src/modules.ts'
import { createMonitor } from '../src/monitor.ts'
import { CERT_PROBE_METRIC_NAMES, registerCertProbeMetrics } from '../src/prometheus.ts'
import { watchTargetList } from '../src/target-list.ts'
import { createTrustStore } from '../src/trust.ts'
import { readSamples } from './metrics-text.ts'
import { issue, ocspResponse } from './pki.ts'

const root = issue({ subject: [['CN', 'Root']], ca: true })
const leaf = issue({
  subject: [
    ['CN', 'localhost'],
    ['OU', 'a'],
    ['OU', 'b'],
  ],
  issuer: root,
  dns: ['localhost', 'x.localhost'],
  ips: ['127.0.0.1'],
  emails: ['a@b.c'],
})
const trust = createTrustStore({ caPem: root.pem })

let server: Server
let hanging: Server
let port = 0
let hangingPort = 0
let folder = ''
const sockets = new Set<Socket>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cert-probe-exporter-'))
  server = createTlsServer({ key: leaf.keyPem, cert: leaf.pem }, (socket) =>
    socket.on('error', () => undefined),
  )
  server.on('tlsClientError', () => undefined)
  server.on('OCSPRequest', (_certificate, _issuer, callback: (error: null, response: Buffer) => void) =>
    callback(null, ocspResponse(leaf, root, { status: 'good' })),
  )
  hanging = createServer((socket) => void sockets.add(socket))
  server.listen(0, '127.0.0.1')
  hanging.listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), once(hanging, 'listening')])
  port = (server.address() as AddressInfo).port
  hangingPort = (hanging.address() as AddressInfo).port
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  server.close()
  hanging.close()
  await rm(folder, { recursive: true, force: true })
})

interface Answer {
  status: number
  body: string
  samples: Map<string, number>
}

async function ask(
  options: ExporterOptions,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  await using exporter = createExporter({ port: 0, modules: await defaultModules(trust), ...options })
  const address = await exporter.start()
  const response = await fetch(`http://127.0.0.1:${address.port}${path}`, { headers })
  const body = await response.text()
  return { status: response.status, body, samples: readSamples(body) }
}

const everything = { allow: ['*:*', '0.0.0.0/0:*'], allowPrivate: true }

describe('/probe', () => {
  it.each([
    ['no target', '/probe?module=tcp', 400, 'Target parameter is missing'],
    ['an unknown module', '/probe?module=nope&target=x', 400, 'Unknown module "nope"'],
    ['a target that makes no sense', '/probe?module=tcp&target=a%20b', 400, 'makes no sense'],
    ['another path', '/config', 404, '/probe'],
  ])('answers %s as blackbox_exporter does', async (_what, path, status, body) => {
    const answer = await ask(everything, path)
    expect(answer.status).toBe(status)
    expect(answer.body).toContain(body)
  })

  it('answers 500 to a deadline that is no number', async () => {
    const answer = await ask(everything, `/probe?module=tcp&target=localhost:${port}`, {
      'X-Prometheus-Scrape-Timeout-Seconds': 'soon',
    })
    expect(answer.status).toBe(500)
  })

  it('keeps the deadline of the scrape, less half a second', async () => {
    const startedAt = performance.now()
    const answer = await ask(everything, `/probe?module=tcp&target=127.0.0.1:${hangingPort}`, {
      'X-Prometheus-Scrape-Timeout-Seconds': '1',
    })
    expect(answer.samples.get('probe_success')).toBe(0)
    expect(answer.samples.get('probe_duration_seconds')).toBeGreaterThanOrEqual(0.49)
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })

  it('has the metrics of ssl_exporter, with its labels', async () => {
    const { samples } = await ask(everything, `/probe?module=tcp&target=localhost:${port}`)
    const serial = BigInt(`0x${leaf.serial.toString('hex')}`)
    const labels = `cn="localhost",dnsnames=",localhost,x.localhost,",emails=",a@b.c,",ips=",127.0.0.1,",issuer_cn="Root",ou=",a,b,",serial_no="${serial}"`
    const notAfter = samples.get(`ssl_cert_not_after{${labels}}`)
    expect(notAfter).toBeGreaterThan(Date.now() / 1000)
    expect(samples.get(`ssl_verified_cert_not_after{chain_no="0",${labels}}`)).toBe(notAfter)
    expect(samples.get('probe_ssl_earliest_cert_expiry')).toBe(notAfter)
    expect(
      Object.fromEntries(
        [...samples].filter(([name]) => /^ssl_(probe|prober|tls|ocsp_response_sta)/.test(name)),
      ),
    ).toEqual({
      ssl_probe_success: 1,
      'ssl_prober{prober="tcp"}': 1,
      'ssl_tls_version_info{version="TLS 1.3"}': 1,
      ssl_ocsp_response_stapled: 1,
      ssl_ocsp_response_status: 0,
    })
  })

  it('probes files by a module with a target of its own', async () => {
    await writeFile(join(folder, 'site.pem'), leaf.pem)
    await writeFile(
      join(folder, 'ssl.yml'),
      `modules:\n  disk: { prober: file, target: ${join(folder, 'site.pem')} }\n  ping: { prober: icmp }\n`,
    )
    const modules = await loadModules(join(folder, 'ssl.yml'), trust)
    const { samples } = await ask({ modules }, '/probe?module=disk')
    expect(samples.get('ssl_probe_success')).toBe(1)
    expect(
      [...samples.keys()].some(
        (name) =>
          name.startsWith('ssl_file_cert_not_after{') && name.includes(`file="${join(folder, 'site.pem')}"`),
      ),
    ).toBe(true)
    expect(await ask({ modules }, '/probe?module=ping&target=x')).toMatchObject({
      status: 400,
      body: expect.stringContaining('Unknown prober "icmp"'),
    })
  })

  it.each([
    ['modules: {}', 'no modules'],
    ['modules: { a: { prober: tcp, timeout: never } }', 'timeout: never'],
    ['modules: { a: { prober: tcp, tcp: { starttls: gopher } } }', 'gopher'],
    ['modules: { a: { prober: tcp, tls_config: { ca_file: missing.pem } } }', 'missing.pem'],
    ['{', 'cannot be used'],
  ])('refuses the configuration %s', async (yaml, why) => {
    const path = join(folder, 'bad.yml')
    await writeFile(path, yaml)
    await expect(loadModules(path, trust)).rejects.toMatchObject({
      code: 'CERT_PROBE_BAD_MODULES',
      message: expect.stringContaining(why),
    })
  })
})

it('answers GET and HEAD alone', async () => {
  await using exporter = createExporter({ port: 0, modules: await defaultModules(trust) })
  const address = await exporter.start()
  for (const path of ['/metrics', '/-/healthy', '/probe?target=localhost', '/']) {
    const url = `http://127.0.0.1:${address.port}${path}`
    const post = await fetch(url, { method: 'POST' })
    expect([path, post.status, post.headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
    const [head, get] = await Promise.all([fetch(url, { method: 'HEAD' }), fetch(url)])
    expect([path, head.status, await head.text()]).toEqual([path, get.status, ''])
  }
})

it('answers 400 to a request without a path', async () => {
  await using exporter = createExporter({ port: 0, modules: await defaultModules(trust) })
  const address = await exporter.start()
  const request = get({ port: address.port, path: '//' })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  expect(response.statusCode).toBe(400)
})

describe('a way into the network', () => {
  it('is closed: nothing may be asked for that was not named', async () => {
    expect((await ask({}, `/probe?module=tcp&target=localhost:${port}`)).status).toBe(403)
    expect((await ask({}, `/probe?module=file&target=/etc/passwd`)).status).toBe(403)
  })

  it('a pattern does not lead to private addresses, a listed target does', async () => {
    const path = `/probe?module=tcp&target=localhost:${port}`
    const byPattern = await ask({ allow: ['localhost:*'] }, path)
    expect(byPattern.status).toBe(200)
    expect(byPattern.samples.get('probe_success')).toBe(0)
    expect((await ask({ targets: [`localhost:${port}`] }, path)).samples.get('probe_success')).toBe(1)
  })

  it('listens on this machine alone', async () => {
    await using exporter = createExporter({ port: 0 })
    expect(await exporter.start()).toMatchObject({ host: '127.0.0.1' })
  })

  it('does no more at once than it is told', async () => {
    await using exporter = createExporter({
      port: 0,
      modules: await defaultModules(trust),
      ...everything,
      maxConcurrent: 1,
    })
    const address = await exporter.start()
    const url = `http://127.0.0.1:${address.port}/probe?module=tcp&target=127.0.0.1:${hangingPort}`
    const gone = new AbortController()
    const connected = once(hanging, 'connection')
    const first = fetch(url, { signal: gone.signal })
    await connected
    expect((await fetch(url)).status).toBe(503)
    gone.abort()
    await expect(first).rejects.toThrow('aborted')
    // Who has gone away makes room for the next.
    const next = `http://127.0.0.1:${address.port}/probe?module=tcp&target=localhost:${port}`
    await expect.poll(async () => (await fetch(next)).status, { timeout: 30_000 }).toBe(200)
  })

  it('says what is wrong when its port is taken', async () => {
    await expect(createExporter({ port }).start()).rejects.toMatchObject({ code: 'CERT_PROBE_LISTEN_FAILED' })
  })
})

describe('the monitor', () => {
  it.each([
    ['prom-client', promClient],
    ['@prometheus-io/client', successor],
  ])('puts the same on /metrics and on a registry of %s', async (_name, client) => {
    await using monitor = createMonitor({
      targets: [`localhost:${port}`, '127.0.0.1:1'],
      trust,
      intervalMs: 60_000,
      jitter: 0,
      ipPreference: 'ip4',
    })
    monitor.start()
    await expect.poll(() => monitor.reports().length, { timeout: 30_000 }).toBe(2)
    const { samples } = await ask({ monitor }, '/metrics')
    const registry = new client.Registry()
    registerCertProbeMetrics({
      client: client as unknown as typeof promClient,
      registry: registry as unknown as promClient.Registry,
      monitor,
    })
    const registered = readSamples(await registry.metrics())
    expect(Object.fromEntries(registered)).toEqual(Object.fromEntries(samples))
    const place = `location="127.0.0.1:${port}",target="localhost:${port}"`
    expect(samples.get(`probe_success{${place}}`)).toBe(1)
    expect(samples.get(`ops_cert_expiry_timestamp_seconds{${place}}`)).toBe(
      samples.get(`probe_ssl_earliest_cert_expiry{${place}}`),
    )
    expect(
      samples.get(
        'ops_cert_probe_failure{code="refused",location="127.0.0.1:1",phase="connect",target="127.0.0.1:1"}',
      ),
    ).toBe(1)
    const families = new Set([...samples.keys()].map((name) => name.replace(/\{.*/, '')))
    expect(CERT_PROBE_METRIC_NAMES).toEqual(expect.arrayContaining([...families]))
  })

  it('follows the list of targets, and keeps it when the new one is broken', async () => {
    const path = join(folder, 'targets.txt')
    await writeFile(path, `localhost:${port} # ours\n`)
    const seen: string[][] = []
    const errors: unknown[] = []
    const watcher = watchTargetList({
      path,
      settleMs: 50,
      onChange: (targets) => seen.push(targets),
      onError: (error) => errors.push(error),
    })
    try {
      await writeFile(join(folder, 'next'), `a.example\npostgres://b.example\n`)
      await rename(join(folder, 'next'), path)
      await expect
        .poll(() => seen.at(-1), { timeout: 30_000 })
        .toEqual(['a.example:443', 'postgres://b.example:5432'])
      await writeFile(path, 'a b c\n')
      await expect
        .poll(() => errors.at(-1), { timeout: 30_000 })
        .toMatchObject({ code: 'CERT_PROBE_TARGET_LIST_FAILED', message: expect.stringContaining('line 1') })
    } finally {
      watcher.close()
    }
  })

  it('waits even where timers of Node.js cannot wait that long', async () => {
    const warnings: string[] = []
    const onWarning = ({ name }: Error): number => warnings.push(name)
    process.on('warning', onWarning)
    await using monitor = createMonitor({
      targets: [`localhost:${port}`],
      trust,
      intervalMs: 30 * 86_400_000,
      jitter: 0,
      timeoutMs: 30 * 86_400_000,
      ipPreference: 'ip4',
    })
    monitor.start()
    await expect
      .poll(() => monitor.reports().map(({ status }) => status), { timeout: 30_000 })
      .toEqual(['ok'])
    // A timer that would end at once says so.
    expect(warnings).not.toContain('TimeoutOverflowWarning')
    process.off('warning', onWarning)
  })

  it('probes again and again, forgets what was taken away, and stops at once', async () => {
    let rounds = 0
    const monitor = createMonitor({
      targets: [`localhost:${port}`, `127.0.0.1:${hangingPort}`],
      trust,
      intervalMs: 20,
      // Longer than this test may take: what stops at once does not wait for it.
      timeoutMs: 600_000,
      ipPreference: 'ip4',
      onReport: () => (rounds += 1),
    })
    monitor.start()
    await expect.poll(() => rounds, { timeout: 30_000 }).toBeGreaterThan(3)
    monitor.setTargets([`127.0.0.1:${hangingPort}`])
    expect(monitor.reports()).toEqual([])
    await monitor.stop()
    const after = rounds
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(rounds).toBe(after)
  })
})
