import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkJson, folderOf, schemaOf } from '@ops/internal-cli/check-json'
import { needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** All bins of the project side by side: whoever knows one knows the others. */
interface Bin {
  readonly name: string
  /** A command line that fails without any server, and how; `STORE` is an empty store. */
  readonly failing: readonly string[]
  readonly code: string
  /** @default 1 */
  readonly exitCode?: number
}

const BINS: readonly Bin[] = [
  {
    name: 'pg-backup',
    failing: ['show', 'latest', '--of', 'app', '--store', 'STORE'],
    code: 'BACKUP_NOT_FOUND',
  },
  { name: 'restore-verify', failing: ['run', '--of', 'app', '--store', 'STORE'], code: 'BACKUP_NOT_FOUND' },
  {
    name: 's3-retention',
    failing: ['plan', '--store', 'STORE', '--policy', 'keep 30d'],
    code: 'RETENTION_NOTHING_FOUND',
  },
  {
    name: 'pgbouncer-stats',
    failing: ['show', '--url', 'postgres://u@127.0.0.1:1/pgbouncer'],
    code: 'PGBOUNCER_UNREACHABLE',
  },
  { name: 'pgbouncer-audit', failing: ['live'], code: 'AUDIT_LIVE_FAILED' },
  {
    name: 'cert-probe',
    failing: ['check', '--targets', '/nonexistent'],
    code: 'CERT_PROBE_TARGET_LIST_FAILED',
  },
  { name: 'ops-worker', failing: ['check-config'], code: 'WORKER_CONFIG_INVALID', exitCode: 2 },
]

/** What has no result that a program could read: a script, bytes, a server, a screen, a group of commands. */
const WITHOUT_JSON = [
  /^\S+ completion$/,
  /^pg-backup cat$/,
  /^(pgbouncer-stats|cert-probe) serve$/,
  /^pgbouncer-stats top$/,
  /^pgbouncer-stats userlist$/,
  /^ops-worker (serve|check-config)$/,
]

/** A line of help that is wider wraps on a terminal. */
const WIDTH = 100
const PROJECT = join(import.meta.dirname, '../../..')
const RED = '\u001B[31m'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bins-test-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(bin: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return start(process.execPath, [programOf(bin), ...args], env)
}

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const besides = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    DATABASE_URL: 'postgres://u@127.0.0.1:1/app',
  }
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd: folder, env: { ...besides, ...env } }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

function programOf(bin: string): string {
  return join(PROJECT, folderOf(bin), 'dist/cli.js')
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)!
}

function failing({ failing: args }: Bin): string[] {
  return args.map((arg) => (arg === 'STORE' ? `file://${folder}` : arg))
}

interface Help {
  /** With the bin's name in front. */
  readonly command: string
  readonly text: string
  /** What is said of each subcommand. */
  readonly commands: ReadonlyMap<string, string>
}

/** The help of a program and of all its commands, down to the last. */
async function allHelp(bin: string, path: readonly string[] = []): Promise<Help[]> {
  const { code, stdout, stderr } = await run(bin, [...path, '--help'])
  expect([code, stderr]).toEqual([0, ''])
  const listed = /\nCommands:\n([\s\S]*?)\n(?:\n|$)/.exec(stdout)?.[1] ?? ''
  const commands = new Map(
    [...listed.matchAll(/^ {2}(\S+)(?: [^ ]+)* {2,}(\S.*(?:\n {10,}\S.*)*)/gm)].map(([, name, words]) => [
      name!,
      words!.replaceAll(/\s+/g, ' '),
    ]),
  )
  const below = await Promise.all(
    [...commands.keys()].filter((name) => name !== 'help').map((name) => allHelp(bin, [...path, name])),
  )
  return [{ command: [bin, ...path].join(' '), text: stdout, commands }, ...below.flat()]
}

// A program starts in a third of a second here, and in ten where everything else runs too.
describe.each(BINS)('$name', { timeout: 240_000 }, (bin) => {
  const { name } = bin
  let help: readonly Help[]

  beforeAll(async () => {
    help = await allHelp(name)
  }, 300_000)

  it('says what it does in one sentence, what its exit codes mean, and how it is used', () => {
    const [{ text }] = help as [Help]
    expect(text).toMatch(new RegExp(`^Usage: ${name} .*\\n\\n[A-Z].*\\.\\n`))
    expect(text).toMatch(/^Exit codes: 0 [^,]+, 1 [^,]+, 2 bad usage,/m)
    expect(text).toMatch(/130 or 143 stopped by a signal\.$/m)
    expect(text).toMatch(new RegExp(`^Examples:\\n {2}\\$ ${name}`, 'm'))
  })

  it('shows by an example how each command is used', () => {
    const heading = /^(?:Examples?:\n {2}\$ |To load it:\n)/m
    const without = help.filter(({ text }) => !heading.test(text)).map(({ command }) => command)
    expect(without).toEqual([])
  })

  it('says of each command what it is told to do: `list`, not `lists` or `List`', () => {
    const said = help.flatMap(({ commands }) => [...commands.values()])
    expect(said.length).toBeGreaterThan(1)
    for (const words of said) expect(words).toMatch(/^(?:[a-z-]*[a-rt-z]|[a-z]+ss) .*[^.]$/)
  })

  it(`has no line of help that is wider than ${WIDTH} columns, and no colours in it`, () => {
    const wide = help.flatMap(({ command, text }) =>
      text.split('\n').flatMap((line) => (line.length > WIDTH ? [`${command}: ${line}`] : [])),
    )
    expect(wide).toEqual([])
    expect(help.every(({ text }) => !text.includes('\u001B'))).toBe(true)
  })

  it('gives defaults as they are typed, and none that are empty', () => {
    const lines = help.flatMap(({ command, text }) =>
      text
        .replaceAll(/\n {10,}/g, ' ')
        .split('\n')
        .map((line) => `${command}: ${line}`),
    )
    const misleading = /<(?:duration|percent)>.*\(default: [\d.]+\)|\(default: (?:\[\]|"")/
    expect(lines.filter((line) => misleading.test(line))).toEqual([])
  })

  it('has --json wherever there is a result', () => {
    const without = help
      .filter(({ text, commands }) => !/^ +--json\b/m.test(text) && !commands.has('completion'))
      .map(({ command }) => command)
    expect(without.filter((command) => !WITHOUT_JSON.some((known) => known.test(command)))).toEqual([])
  })

  it('publishes a schema of whatever it prints with --json, and its README says which', () => {
    const folder = join(PROJECT, folderOf(name))
    const readme = readFileSync(join(folder, 'README.md'), 'utf8')
    const commands = help.filter(({ text }) => /^ +--json\b/m.test(text)).map(({ command }) => command)
    expect(commands).not.toEqual([])
    for (const schema of [...commands.map(schemaOf), 'failed']) {
      const path = `schema/${schema}.schema.json`
      expect([path, existsSync(join(folder, path))]).toEqual([path, true])
      expect(readme).toContain(`[${schema}](${path})`)
    }
    for (const command of commands) expect(readme).toContain(`\`${command}\``)
  })

  it('completes its commands in bash, zsh and fish', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await run(name, ['completion', shell])
      expect(code).toBe(0)
      for (const { command } of help) expect(stdout).toContain(command.split(' ').at(-1))
    }
  })

  it('ends with 2 and one line when it is used wrongly', async () => {
    for (const args of [
      ['--no-such-flag'],
      [help[1]!.command.split(' ')[1]!, '--no-such-flag'],
      ['completion', 'csh'],
    ]) {
      const { code, stdout, stderr } = await run(name, args)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(new RegExp(`^${name}: [a-z-].*\\n$`))
    }
  })

  it('tells programs too that it is used wrongly', async () => {
    const args = ['--json', '--no-such-flag']
    const { code, stdout } = await run(name, args)
    checkJson(name, args, stdout)
    expect([code, JSON.parse(stdout)]).toMatchObject([2, { event: 'failed', error: { code: 'BAD_USAGE' } }])
  })

  it('ends with one line, `what: detail [CODE]`, when it fails', async () => {
    const { code, stdout, stderr } = await run(name, failing(bin))
    expect([code, stdout]).toEqual([bin.exitCode ?? 1, ''])
    expect(lastLine(stderr)).toMatch(new RegExp(`^${name}: [a-z].* \\[${bin.code}\\]$`))
    // The worker says first what is wrong with its configuration, a line for each of two problems.
    expect(stderr.split('\n')).toHaveLength(name === 'ops-worker' ? 4 : 2)
  })

  it('says why it failed to programs too', async () => {
    // A flag that the worker's other commands do not have is bad usage, which the test before has seen.
    if (name === 'ops-worker') return
    const args = [...failing(bin), '--json']
    const { code, stdout, stderr } = await run(name, args)
    checkJson(name, args, stdout)
    const { event, error } = JSON.parse(stdout) as { event: string; error: { code: string; message: string } }
    expect([code, event, error.code]).toEqual([1, 'failed', bin.code])
    expect(stderr).toBe(`${name}: ${error.message} [${error.code}]\n`)
  })

  it('says that stdout cannot be written to, and ends as it would where stderr cannot', async (context) => {
    needs(context, existsSync('/dev/full'), 'there is no /dev/full on this machine')
    const onFull = (redirection: string, args: readonly string[]): Promise<Run> =>
      start('/bin/sh', ['-c', `exec "$@" ${redirection}/dev/full`, 'sh', process.execPath, ...args], {})
    const { code, stderr } = await onFull('>', [programOf(name), '--help'])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^\S+: cannot write to stdout: .* \[ENOSPC\]\n$/),
    ])
    expect((await onFull('2>', [programOf(name), ...failing(bin)])).code).toBe(bin.exitCode ?? 1)
  })

  it('has colours on a terminal only, and none with NO_COLOR', async (context) => {
    needs(context, existsSync('/usr/bin/script'), 'util-linux’s script is not on this machine')
    const command = [process.execPath, programOf(name), ...failing(bin)].map((each) => `'${each}'`).join(' ')
    const onTerminal = (env: NodeJS.ProcessEnv): Promise<Run> =>
      start('/usr/bin/script', ['--quiet', '--return', '--command', command, '/dev/null'], {
        TERM: 'xterm',
        ...env,
      })
    expect((await onTerminal({})).stdout).toContain(`${RED}${name}:`)
    expect((await onTerminal({ NO_COLOR: '1' })).stdout).not.toContain('\u001B')
  })
})
