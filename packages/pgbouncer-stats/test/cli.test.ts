import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkJson } from '@ops/internal-cli/check-json'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsCapability } from '@ops/testbed'
import { startPooledServer, type PooledServer } from './pooled-server.ts'
import { until } from './until.ts'

const BIN = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  return new Promise<Outcome>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  ).then((outcome) => {
    checkJson('pgbouncer-stats', args, outcome.stdout)
    return outcome
  })
}

function isRunOf(iniPath: string, pid: string): boolean {
  try {
    const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8')
    return read('comm').trim() === 'pgbouncer' && read('cmdline').includes(iniPath)
  } catch {
    // The process has ended meanwhile.
    return false
  }
}

let server: PooledServer
const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-stats-'))
beforeAll(async () => {
  server = await startPooledServer({ settings: { pool_mode: 'transaction' } })
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

describe('pgbouncer-stats', () => {
  it('shows rows as JSON', async (context) => {
    const { bouncer } = server.get(context)
    const { code, stdout } = await run(['show', 'lists', 'pools'], { PGBOUNCER_URL: bouncer.adminUrl })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      version: bouncer.version,
      failures: [],
      lists: expect.any(Array) as unknown,
    })
  })

  it('diagnoses: 0 without findings, 3 with', async (context) => {
    const { bouncer } = server.get(context)
    const env = { PGBOUNCER_URL: bouncer.adminUrl }
    expect(await run(['diagnose', '--interval', '100ms'], env)).toMatchObject({
      code: 0,
      stdout: 'no findings\n',
    })
    await bouncer.query('SELECT 1')
    await bouncer.admin('PAUSE postgres')
    const waiting = bouncer.query('SELECT 1')
    // PgBouncer forgets to list a database of the entry `*` that has neither clients nor servers, paused or not.
    await until(
      'the client of the paused database',
      async () => await bouncer.admin('SHOW POOLS'),
      (pools) => pools.some((pool) => pool['database'] === 'postgres' && Number(pool['cl_waiting']) === 1),
    )
    const { code, stdout } = await run(['diagnose', '--interval', '0s', '--json'], env)
    await bouncer.admin('RESUME postgres')
    await waiting
    expect(code).toBe(3)
    // On a busy machine the client has waited for so long by then that this is a finding too.
    const { findings } = JSON.parse(stdout) as { findings: object[] }
    expect(findings).toContainEqual(expect.objectContaining({ code: 'database-paused', subject: 'postgres' }))
  })

  it("diagnoses against PostgreSQL's own limit", async (context) => {
    const { bouncer, postgres } = server.get(context)
    await bouncer.query('SELECT 1')
    await bouncer.admin('SET default_pool_size = 500')
    const env = { PGBOUNCER_URL: bouncer.adminUrl, DIRECT_URL: postgres.url() }
    const { code, stdout } = await run(
      ['diagnose', '--interval', '0s', '--postgres-env', 'DIRECT_URL', '--json'],
      env,
    )
    await bouncer.admin('SET default_pool_size = 20')
    const [most] = await postgres.query('SHOW max_connections')
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [{ code: 'over-postgres-limit', evidence: { limit: Number(most!['max_connections']) - 3 } }],
    })
  })

  it('is a top that can be piped', async (context) => {
    const { bouncer } = server.get(context)
    const { code, stdout } = await run(['top', '--count', '2', '--interval', '50ms'], {
      PGBOUNCER_URL: bouncer.adminUrl,
    })
    expect(code).toBe(0)
    expect(stdout.match(/^PgBouncer /gm)).toHaveLength(2)
    expect(stdout).not.toContain('\u001B')
  })

  it('is a top that takes the screen of a terminal, and gives it back on Ctrl-C', async (context) => {
    const { bouncer } = server.get(context)
    needsCapability(context, process.platform === 'linux', 'the terminal is made by util-linux’s script')
    const command = `stty rows 30 cols 90; exec "${process.execPath}" "${BIN}" top --interval 50ms`
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', PGBOUNCER_URL: bouncer.adminUrl },
    })
    let screen = ''
    child.stdout.on('data', (data: Buffer) => (screen += data.toString()))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const [take, giveBack] = ['\u001B[?1049h\u001B[?25l', '\u001B[?25h\u001B[?1049l']
    await until(
      'three screens',
      () => Promise.resolve(screen),
      (text) => text.split('PgBouncer ').length > 3,
    )
    expect(screen.startsWith(take)).toBe(true)
    expect(screen).not.toContain(giveBack)
    child.stdin.write('\u0003')
    expect(await ended).toBe(130)
    const [before, after, ...more] = screen.split(giveBack)
    expect(before).toContain('clients ')
    expect(after).not.toContain('clients ')
    expect(more).toEqual([])
  })

  it('lists settings and what a change of them takes, for the version that runs or is given', async (context) => {
    const { bouncer } = server.get(context)
    const { code, stdout } = await run(['settings', 'listen_port', 'max_client_conn'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^listen_port +restart +6432\nmax_client_conn +RELOAD +100$/m)
    const url = new URL(bouncer.adminUrl)
    url.password = ''
    const running = await run(['settings', '--url', url.href, '--json'], {
      PGPASSWORD: bouncer.adminPassword,
    })
    const { version, settings } = JSON.parse(running.stdout) as {
      version: string
      settings: { name: string; takesEffect: string }[]
    }
    expect(version).toBe(bouncer.version)
    const told = (await bouncer.admin('SHOW CONFIG')).map(
      ({ key, changeable }) => `${String(key)} ${String(changeable)}`,
    )
    const ours = settings.map(({ name, takesEffect }) => `${name} ${takesEffect === 'reload' ? 'yes' : 'no'}`)
    expect(ours.filter((line) => !line.startsWith('service_name ')).toSorted()).toEqual(told.toSorted())
    expect(await run(['settings', 'max_prepared_statements', '--pgbouncer-version', '1.20'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PgBouncer 1.20 has no setting') as unknown,
    })
  })

  it('lints: text, JSON, SARIF, and exit code 3', async () => {
    const file = join(folder, 'pgbouncer.ini')
    writeFileSync(file, '[databases]\na = host=/run\n[pgbouncer]\npoolmode = transaction\n', { mode: 0o600 })
    expect(await run(['lint', file])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining(`${file}:4: error: PgBouncer has no setting "poolmode"`) as unknown,
    })
    const json = await run(['lint', file, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ file, findings: expect.any(Array) as unknown })
    const sarif = await run(['lint', file, '--format', 'sarif'])
    expect(JSON.parse(sarif.stdout)).toMatchObject({ version: '2.1.0' })
    writeFileSync(join(folder, 'users.txt'), '"a" "b"\noops\n', { mode: 0o644 })
    writeFileSync(file, '[databases]\na = host=/run\n[pgbouncer]\nauth_file = users.txt\n')
    const beside = await run(['lint', file])
    expect(beside.stdout).toContain('[userlist]')
    expect(beside.stdout).toContain('[world-readable]')
    writeFileSync(
      file,
      '[databases]\na = host=/run\n[pgbouncer]\npool_mode = transaction\nauth_type = scram-sha-256\n',
      { mode: 0o600 },
    )
    expect(await run(['lint', file])).toMatchObject({ code: 0 })
  })

  it("lints against what runs: PgBouncer's version and open files, and PostgreSQL's connections", async (context) => {
    const { bouncer, postgres } = server.get(context)
    needsCapability(
      context,
      bouncer.mode === 'local' && existsSync('/proc/self/limits'),
      'PgBouncer must run on this machine, and the machine must have /proc',
    )
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isRunOf(bouncer.iniPath, name))!
    const file = join(folder, 'running.ini')
    writeFileSync(join(folder, 'running.pid'), `${pid}\n`)
    writeFileSync(
      file,
      '[databases]\na = host=/run\n[pgbouncer]\npool_mode = transaction\nauth_type = scram-sha-256\n' +
        'pidfile = running.pid\ndefault_pool_size = 5000\nmax_client_conn = 999000000\n',
      { mode: 0o600 },
    )
    const url = new URL(bouncer.adminUrl)
    url.password = ''
    const { code, stdout } = await run(
      ['lint', file, '--url', url.href, '--postgres-env', 'POOLED', '--json'],
      { PGPASSWORD: bouncer.adminPassword, POOLED: bouncer.url() },
    )
    expect(code).toBe(3)
    const report = JSON.parse(stdout) as { version: string; findings: { rule: string; message: string }[] }
    expect(report.version).toBe(bouncer.version)
    const messageOf = (rule: string): string | undefined =>
      report.findings.find((finding) => finding.rule === rule)?.message
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))![1]!
    expect(messageOf('file-limit')).toContain(`the process may have ${limit}`)
    const [most] = await postgres.query('SHOW max_connections')
    expect(messageOf('too-many-server-connections')).toContain(
      `PostgreSQL has ${Number(most!['max_connections']) - 3} to give`,
    )
  })

  it('sizes', async () => {
    const { code, stdout } = await run(['size', '--cpu-cores', '8', '--max-connections', '100'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^default_pool_size = 17$/m)
    expect(
      await run(['size', '--cpu-cores', '1', '--max-connections', '10', '--users', '50', '--reserved', '0']),
    ).toMatchObject({ code: 3 })
  })

  it('checks a pooled URL', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const env = { POOLED: postgres.url(), DIRECT: postgres.url() }
    const direct = await run(
      ['check', '--pooled-env', 'POOLED', '--direct-env', 'DIRECT', '--queries', '5', '--json'],
      env,
    )
    expect(direct.code).toBe(3)
    const pooled = await run(
      ['check', '--pooled-env', 'POOLED', '--direct-env', 'DIRECT', '--queries', '5'],
      { ...env, POOLED: bouncer.url() },
    )
    expect(pooled.stdout).toContain('ok    server-connections-are-shared')
  })

  it('checks and writes a user list, and changes nothing without --apply', async (context) => {
    const { postgres } = server.get(context)
    const file = join(folder, 'userlist.txt')
    writeFileSync(file, `"${postgres.user}" "old"\n`)
    const env = postgres.env()
    expect(await run(['userlist', 'check', file, '--user', postgres.user], env)).toMatchObject({
      code: 3,
      stdout: `STATE  USER\nstale  ${postgres.user}\n`,
    })
    expect(await run(['userlist', 'write', file], env)).toMatchObject({ code: 3 })
    expect(await run(['userlist', 'write', file, '--user', postgres.user, '--apply'], env)).toMatchObject({
      code: 0,
    })
    expect(await run(['userlist', 'check', file, '--user', postgres.user], env)).toMatchObject({
      code: 0,
      stdout: `STATE  USER\nok     ${postgres.user}\n`,
    })
  })

  it('serves until it is told to stop', async (context) => {
    const { bouncer } = server.get(context)
    const child = spawn(process.execPath, [BIN, 'serve', '--host', '127.0.0.1', '--port', '0'], {
      env: { PATH: process.env['PATH'] ?? '', PGBOUNCER_URL: bouncer.adminUrl },
    })
    const url = await new Promise<string>((resolve) => {
      child.stderr.on('data', (data: Buffer) => resolve(/http:\S+/.exec(data.toString())?.[0] ?? ''))
    })
    expect(await (await fetch(url)).text()).toContain('pgbouncer_up 1\n')
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
  })

  const bad: [what: string, code: number, args: string[], env: Record<string, string>, says: string][] = [
    [
      'a password on the command line',
      2,
      ['show', '--url', 'postgres://a:hunter2@localhost/'],
      {},
      'command line',
    ],
    ['a URL that makes no sense', 2, ['show', '--url', 'mysql://a@b/'], {}, 'PGBOUNCER_BAD_CONNECTION'],
    ['an unknown command', 2, ['shwo'], {}, 'unknown command'],
    [
      'an unknown SHOW',
      2,
      ['show', 'nothing', '--url', 'postgres://a@localhost/'],
      {},
      'there is no "nothing"',
    ],
    [
      'a port where nobody is',
      1,
      ['show'],
      { PGBOUNCER_URL: 'postgres://a:hunter2@127.0.0.1:1/' },
      'PGBOUNCER_UNREACHABLE',
    ],
    ['a file that is not there', 1, ['lint', '/none/pgbouncer.ini'], {}, 'PGBOUNCER_CONFIG_UNREADABLE'],
    [
      'a name that is no version',
      2,
      ['serve', '--compat', '0.11'],
      { PGBOUNCER_URL: 'postgres://a@localhost/' },
      '--compat',
    ],
    [
      'a variable that is not set',
      2,
      ['check', '--pooled-env', 'NOPE', '--direct-env', 'NOPE'],
      {},
      'NOPE is not set',
    ],
    ['a name that needs quoting', 2, ['auth-query', '--role', 'a b'], {}, 'PGBOUNCER_BAD_OPTIONS'],
  ]
  it.each(bad)('says what is wrong with %s (exit code %i)', async (_what, code, args, env, says) => {
    const outcome = await run(args, env)
    expect(outcome).toMatchObject({ code, stderr: expect.stringContaining(says) as unknown })
    expect(outcome.stdout + outcome.stderr).not.toContain('hunter2')
  })
})
