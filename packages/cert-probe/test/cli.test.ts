import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue, type Issued } from './pki.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const root = issue({ subject: [['CN', 'Root']], ca: true })
const certificate = (left: number, lifetime = 90): Issued =>
  issue({
    subject: [['CN', 'local\u001b[31mhost']],
    issuer: root,
    dns: ['localhost'],
    notBeforeDays: left - lifetime,
    notAfterDays: left,
  })

let folder = ''
const servers: Server[] = []
const ports: Record<string, number> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cert-probe-cli-'))
  await writeFile(join(folder, 'ca.pem'), root.pem)
  for (const [name, each] of Object.entries({
    good: certificate(80),
    soon: certificate(20, 400),
    expired: certificate(-3),
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

  it.each([
    [['check'], 'nothing to check'],
    [['check', 'gopher://x'], 'CERT_PROBE_BAD_TARGET'],
    [['check', 'x', '--warn-days', 'soon'], 'whole number'],
    [['check', 'x', '--addresses', 'some'], 'any, first or all'],
    [['check', 'x', '--starttls', 'gopher'], 'gopher'],
    [['check', 'x', '--ca', '/does/not/exist'], 'cannot be read'],
    [['serve', '--listen', 'nowhere'], 'ADDRESS:PORT'],
    [['frobnicate'], 'unknown command'],
  ])('exits with 2 at %j', async (args, message) => {
    const result = await run(...args)
    expect(result.code).toBe(2)
    expect(result.stderr).toContain(message)
  })
})

describe('cert-probe serve', () => {
  it('serves, probes its list, and ends at SIGTERM', async () => {
    const args = [
      CLI,
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--ca',
      join(folder, 'ca.pem'),
      '--target',
      `localhost:${ports['good']}`,
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const closed = once(child, 'close')
    try {
      const [line] = (await once(child.stderr, 'data')) as [Buffer]
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line.toString())![0]
      const probed = await fetch(`${url}/probe?module=tcp&target=localhost:${ports['good']}`)
      expect(await probed.text()).toContain('probe_ssl_earliest_cert_expiry')
      await expect
        .poll(async () => (await fetch(`${url}/metrics`)).text(), { timeout: 15_000 })
        .toContain('ops_cert_expiry_timestamp_seconds{')
    } finally {
      child.kill('SIGTERM')
    }
    expect((await closed)[0]).toBe(0)
  })
})
