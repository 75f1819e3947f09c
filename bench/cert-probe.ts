// A thousand TLS endpoints, a hundred at once: @ops/cert-probe against blackbox_exporter, which is
// asked over HTTP for each of them, as Prometheus does. Both verify the chain against the same root.
//
// In the first case only blackbox_exporter answers over HTTP. In the second, ours makes the metrics of
// all endpoints too, those of ssl_exporter besides, and gives them in one scrape, as `cert-probe serve`
// does with a list of targets. In the third both are asked over HTTP for each endpoint.
//
// One process serves all endpoints, TLS 1.3 with ECDSA on P-256, the same for both: on two cores it takes
// a quarter of the machine, and this process, which asks and reads, almost a tenth. So the ratio lies
// nearer to 1 than that of the exporters' own CPU time.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { createServer, connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import {
  createExporter,
  createTlsSettings,
  createTrustStore,
  probeMany,
  type ProbeReport,
} from '@ops/cert-probe'
import { createCertificateChain, findProgram } from '@ops/testbed'
import { compare, seconds, type BenchCase } from './harness/compare.ts'

export const name = 'cert-probe'

const ENDPOINTS = 1000
const CONCURRENCY = 100
const SERVERS = join(import.meta.dirname, 'cert-probe', 'tls-servers.ts')
const CLI = join(import.meta.dirname, '..', 'packages', 'cert-probe', 'dist', 'cli.js')
const DOCKERFILE = join(import.meta.dirname, '..', 'packages', 'cert-probe', 'test', 'docker')
const IMAGE = 'ops-bench-cert-probe-peers'
const run = promisify(execFile)

export async function* cases(): AsyncGenerator<BenchCase> {
  const folder = await mkdtemp(join(tmpdir(), 'ops-bench-cert-'))
  const cleanups: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const { root, intermediate, leaf } = await createCertificateChain()
    await writeFile(join(folder, 'key.pem'), leaf.key)
    await writeFile(join(folder, 'cert.pem'), leaf.certificate + intermediate.certificate)
    await writeFile(join(folder, 'ca.pem'), root.certificate)
    await writeFile(join(folder, 'modules.yml'), modules(join(folder, 'ca.pem')))
    const servers = spawn(process.execPath, [SERVERS, folder, String(ENDPOINTS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    cleanups.push(() => servers.kill('SIGKILL'))
    const [line] = (await once(servers.stdout, 'data')) as [Buffer]
    const first = Number(line.toString())
    const targets = Array.from({ length: ENDPOINTS }, (_, index) => `127.0.0.1:${first + index}`)

    const blackbox = await startBlackbox(folder, cleanups)
    const exporter = await startExporter(folder, cleanups)
    const trust = createTrustStore({ caPem: root.certificate })
    const tls = createTlsSettings()
    const described = { unit: 's', peerName: 'blackbox_exporter', target: 1 }
    const probeAll = async (): Promise<ProbeReport[]> => {
      const reports = await probeMany(targets, { trust, tls, concurrency: CONCURRENCY })
      const bad = reports.find((report) => report.endpoints[0]!.verdict?.isTrusted !== true)
      if (bad !== undefined)
        throw new Error(`${bad.target} was not verified: ${JSON.stringify(bad.endpoints[0]!.failure)}`)
      return reports
    }
    yield await compare({
      ...described,
      case: `${ENDPOINTS} endpoints, ${CONCURRENCY} at once, by probeMany`,
      ours: () => seconds(probeAll),
      peer: () => seconds(() => scrapeAll(blackbox, targets)),
    })
    let reports: ProbeReport[] = []
    const page = createExporter({ port: 0, monitor: { reports: () => reports } })
    cleanups.push(() => page.stop())
    const { host, port } = await page.start()
    yield await compare({
      ...described,
      case: 'the same, and one scrape of /metrics',
      ours: () =>
        seconds(async () => {
          reports = await probeAll()
          const metrics = await fetchText(`http://${host}:${port}/metrics`)
          const shown = metrics.matchAll(/^probe_success{.*} 1$/gm)
          if ([...shown].length !== ENDPOINTS) throw new Error('not every endpoint is in the metrics')
        }),
      peer: () => seconds(() => scrapeAll(blackbox, targets)),
    })
    yield await compare({
      ...described,
      case: `${ENDPOINTS} endpoints, ${CONCURRENCY} at once, by cert-probe serve`,
      ours: () => seconds(() => scrapeAll(exporter, targets)),
      peer: () => seconds(() => scrapeAll(blackbox, targets)),
    })
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  }
}

function modules(ca: string): string {
  return `modules: { tcp: { prober: tcp, timeout: 30s, tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { ca_file: ${ca} } } } }\n`
}

/** The program on this machine, or Debian's in a container. */
async function startBlackbox(folder: string, cleanups: (() => unknown)[]): Promise<number> {
  const port = await freePort()
  const args = [
    `--config.file=${join(folder, 'modules.yml')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ]
  const program = findProgram('prometheus-blackbox-exporter') ?? findProgram('blackbox_exporter')
  if (program === undefined) {
    await run('docker', ['build', '--quiet', '--tag', IMAGE, DOCKERFILE], { maxBuffer: 64 << 20 })
    const command = [
      'run',
      '--detach',
      '--rm',
      '--network',
      'host',
      '--volume',
      `${folder}:${folder}`,
      IMAGE,
      'prometheus-blackbox-exporter',
    ]
    const { stdout } = await run('docker', [...command, ...args])
    cleanups.push(() => run('docker', ['rm', '--force', stdout.trim()]))
  } else {
    start(program, args, cleanups)
  }
  return untilListening(port)
}

async function startExporter(folder: string, cleanups: (() => unknown)[]): Promise<number> {
  const port = await freePort()
  const allow = ['--allow', '127.0.0.0/8:*']
  start(
    process.execPath,
    [CLI, 'serve', '--listen', `127.0.0.1:${port}`, '--config', join(folder, 'modules.yml'), ...allow],
    cleanups,
  )
  return untilListening(port)
}

function start(program: string, args: string[], cleanups: (() => unknown)[]): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore' })
  cleanups.push(() => child.kill('SIGKILL'))
  return child
}

async function untilListening(port: number): Promise<number> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return port
    } catch {
      await sleep(100)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`nothing listens on port ${port}`)
}

/** Asks an exporter for every target, over connections that are kept, as Prometheus does. */
async function scrapeAll(port: number, targets: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
  await Promise.all(
    targets.map(async (target) => {
      const body = await fetchText(`http://127.0.0.1:${port}/probe?module=tcp&target=${target}`, agent)
      if (!body.includes('\nprobe_success 1')) throw new Error(`${target} was not verified: ${body}`)
    }),
  )
  agent.destroy()
}

function fetchText(url: string, agent?: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  get(url, { agent }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    response.once('end', () => resolve(text))
  }).once('error', reject)
  return promise
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
