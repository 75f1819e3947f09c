import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createSocketServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { checkJson } from '@ops/internal-cli/check-json'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue, ocspResponse, type Issued, type IssueOptions } from './pki.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const root = issue({ subject: [['CN', 'Root']], ca: true })
const certificate = (left: number, lifetime = 90, more: Partial<IssueOptions> = {}): Issued =>
  issue({
    subject: [['CN', 'local\u001b[31mhost']],
    issuer: root,
    dns: ['localhost'],
    notBeforeDays: left - lifetime,
    notAfterDays: left,
    ...more,
  })

/** The one certificate that the responder knows. */
let revoked: Issued

async function startResponder(): Promise<string> {
  const responder = createHttpServer((request, response) =>
    request.resume().once('end', () => response.end(ocspResponse(revoked, root, { status: 'revoked' }))),
  ).listen(0, '127.0.0.1')
  await once(responder, 'listening')
  servers.push(responder)
  return `http://127.0.0.1:${(responder.address() as AddressInfo).port}/`
}

let folder = ''
const servers: Server[] = []
const ports: Record<string, number> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cert-probe-cli-'))
  await writeFile(join(folder, 'ca.pem'), root.pem)
  const ocspUrl = await startResponder()
  for (const [name, each] of Object.entries({
    good: certificate(80),
    soon: certificate(20, 400),
    expired: certificate(-3),
    named: certificate(80, 90, { dns: ['localhost', '127.0.0.2'] }),
    revoked: (revoked = certificate(80, 90, { ocspUrl })),
  })) {
    const server = createServer({ key: each.keyPem, cert: each.pem }, (socket) =>
      socket.on('error', () => undefined),
    ).listen(0, '127.0.0.1')
    server.on('tlsClientError', () => undefined)
    await once(server, 'listening')
    servers.push(server)
    ports[name] = (server.address() as AddressInfo).port
  }
})
afterAll(async () => {
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1' },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  checkJson('cert-probe', args, stdout)
  return { code, stdout, stderr }
}

const check = (...args: string[]): ReturnType<typeof run> =>
  run('check', '-4', '--ca', join(folder, 'ca.pem'), ...args)

describe('cert-probe check', () => {
  it.each([
    ['0 when all is fine', ['good'], 0],
    ['3 when something expires soon', ['good', 'soon'], 3],
    ['4 when something has expired', ['good', 'soon', 'expired'], 4],
    ['1 when it cannot tell', ['good', 'nothing'], 1],
    ['4 when it cannot tell of one, and another has expired', ['nothing', 'expired'], 4],
  ])('exits with %s', async (_what, names, code) => {
    const result = await check(...names.map((name) => `localhost:${ports[name] ?? 1}`))
    expect([result.code, result.stderr]).toEqual([code, ''])
    expect(result.stdout).toMatch(/^STATUS\s+DAYS\s+EXPIRES\s+TARGET/)
    expect(result.stdout).not.toContain('\u001b')
  })

  it('prints the reports as JSON', async () => {
    const { code, stdout } = await check('--json', `localhost:${ports['expired']}`)
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject([
      { status: 'critical', endpoints: [{ verdict: { daysLeft: -4, problems: [{ code: 'expired' }] } }] },
    ])
  })

  it('takes thresholds, targets from a file, and files', async () => {
    await writeFile(join(folder, 'targets.txt'), `# ours\nlocalhost:${ports['good']}\n`)
    expect((await check('--targets', join(folder, 'targets.txt'))).code).toBe(0)
    expect((await check('--targets', join(folder, 'targets.txt'), '--warn-days', '85')).code).toBe(3)
    expect((await check('--targets', join(folder, 'targets.txt'), '--critical-days', '85')).code).toBe(4)
    expect((await check(join(folder, 'ca.pem'))).code).toBe(0)
  })

  it('also probes the other names in a certificate, and asks for OCSP', async () => {
    const named = await check('--json', '--sans', `localhost:${ports['named']}`)
    expect(JSON.parse(named.stdout)).toMatchObject([
      { target: `localhost:${ports['named']}`, status: 'ok' },
      { target: `127.0.0.2:${ports['named']}`, status: 'unknown' },
    ])
    expect(named.code).toBe(1)
    expect((await check(`localhost:${ports['revoked']}`)).code).toBe(0)
    const asked = await check('--ocsp', `localhost:${ports['revoked']}`)
    expect([asked.code, asked.stdout]).toEqual([4, expect.stringContaining('revoked')])
  })

  it('says when a renewal is overdue', async () => {
    const { code, stdout } = await check(`localhost:${ports['good']}`, '--renew-before-days', '85')
    expect([code, stdout]).toEqual([3, expect.stringContaining('should have been renewed')])
  })

  it('ends at Ctrl-C, at once and with 130', async () => {
    const silent = createSocketServer(() => undefined).listen(0, '127.0.0.1')
    servers.push(silent)
    const connected = once(silent, 'connection')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const child = spawn(process.execPath, [CLI, 'check', '--timeout', '10m', `127.0.0.1:${port}`])
    const closed = once(child, 'close')
    const [socket] = (await connected) as [Socket]
    child.kill('SIGINT')
    expect((await closed)[0]).toBe(130)
    socket.destroy()
  })

  it.each(['check', 'serve'])('%s --help names every flag and exits with 0', async (command) => {
    const { code, stdout } = await run(command, '--help')
    expect(code).toBe(0)
    for (const flag of ['--targets', '--caddy', '--sans', '--ocsp', '--ca', '--warn-days', 'Examples:'])
      expect(stdout).toContain(flag)
  })

  it.each([
    [['check'], 'nothing to check'],
    [['check', 'gopher://x'], 'CERT_PROBE_BAD_TARGET'],
    [['check', 'x', '--warn-days', 'soon'], 'whole number'],
    [['check', 'x', '--addresses', 'some'], 'any, first or all'],
    [['check', 'x', '--starttls', 'gopher'], 'gopher'],
    [['check', 'x', '--ca', '/does/not/exist'], 'cannot be read'],
    [['check', 'x', '--client-key', 'key.pem'], '--client-cert'],
    [['check', 'x', '-4', '-6'], 'exclude each other'],
    [['check', 'x', '--timeout', 'never'], 'never'],
    [['check', 'x', '--timeout', '30d'], '20d or less'],
    [['serve', '--interval', '30d'], '20d or less'],
    [['serve', '--interval', '0s'], '1s or longer'],
    [['serve', '--ca', '/does/not/exist'], 'cannot be read'],
    [['serve', '--config', '/does/not/exist'], 'CERT_PROBE_BAD_MODULES'],
    [['serve', '--target', 'gopher://x'], 'CERT_PROBE_BAD_TARGET'],
    [['serve', '--listen', 'nowhere'], 'ADDRESS:PORT'],
    [['frobnicate'], 'unknown command'],
  ])('exits with 2 at %j', async (args, message) => {
    const result = await run(...args)
    expect(result.code).toBe(2)
    expect(result.stderr).toContain(message)
  })
})

/** Runs `serve` for as long as `use` needs it; its exit code. */
async function serving(
  args: readonly string[],
  use: (url: string, said: () => string) => Promise<void>,
  endBy: NodeJS.Signals = 'SIGTERM',
): Promise<unknown> {
  const child = spawn(
    process.execPath,
    [
      CLI,
      'serve',
      '-4',
      '--listen',
      '127.0.0.1:0',
      '--interval',
      '1s',
      '--ca',
      join(folder, 'ca.pem'),
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const closed = once(child, 'close')
  const url = (): string | undefined => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1]
  try {
    await expect.poll(url, { timeout: 30_000 }).toBeDefined()
    await use(url()!, () => said)
  } finally {
    child.kill(endBy)
  }
  return (await closed)[0]
}

const textOf = async (url: string): Promise<string> => (await fetch(url)).text()

describe('cert-probe serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('serves, probes its list, and ends at %s', async (signal) => {
    const code = await serving(
      ['--target', `localhost:${ports['good']}`],
      async (url) => {
        expect(await textOf(`${url}/probe?module=tcp&target=localhost:${ports['good']}`)).toContain(
          'probe_ssl_earliest_cert_expiry',
        )
        await expect
          .poll(() => textOf(`${url}/metrics`), { timeout: 30_000 })
          .toContain('ops_cert_expiry_timestamp_seconds{')
      },
      signal,
    )
    expect(code).toBe(0)
  })

  it('follows the list in a file, and says on /metrics when it cannot be read', async () => {
    const list = join(folder, 'served.txt')
    await writeFile(list, `localhost:${ports['good']}\n`)
    await serving(['--targets', list], async (url, said) => {
      await expect
        .poll(() => textOf(`${url}/metrics`), { timeout: 30_000 })
        .toContain(`target="localhost:${ports['good']}"`)
      await writeFile(list, `localhost:${ports['expired']}\n`)
      await expect
        .poll(
          async () => (await fetch(`${url}/probe?module=tcp&target=localhost:${ports['expired']}`)).status,
          {
            timeout: 30_000,
          },
        )
        .toBe(200)
      expect(await textOf(`${url}/metrics`)).toContain('ops_cert_discovery_success{source="file"} 1')
      await writeFile(list, 'a b c\n')
      await expect
        .poll(() => textOf(`${url}/metrics`), { timeout: 30_000 })
        .toContain('ops_cert_discovery_success{source="file"} 0')
      expect(said()).toContain('line 1')
    })
  })

  it('probes the names in certificates when asked to, but not where they lead to private addresses', async () => {
    const target = ['--target', `localhost:${ports['named']}`, '--sans']
    const found = (code: string): string =>
      `ops_cert_probe_failure{target="127.0.0.2:${ports['named']}",location="127.0.0.2:${ports['named']}",phase="connect",code="${code}"} 1`
    await serving(target, async (url) => {
      await expect
        .poll(() => textOf(`${url}/metrics`), { timeout: 30_000 })
        .toContain(found('address-not-allowed'))
      const onRequest = await fetch(`${url}/probe?module=tcp&target=127.0.0.2:${ports['named']}`)
      expect(onRequest.status).toBe(403)
    })
    await serving([...target, '--allow-private'], (url) =>
      expect.poll(() => textOf(`${url}/metrics`), { timeout: 30_000 }).toContain(found('refused')),
    )
  })

  it('asks the OCSP responder when told to', async () => {
    await serving(['--target', `localhost:${ports['revoked']}`, '--ocsp'], (url) =>
      expect.poll(() => textOf(`${url}/metrics`), { timeout: 30_000 }).toContain('problem="revoked"'),
    )
  })
})
