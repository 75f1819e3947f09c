import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPooledServer, type PooledServer } from './pooled-server.ts'

const own = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const readme = readFileSync(own('README.md'), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-stats-readme-'))

let server: PooledServer
beforeAll(async () => {
  server = await startPooledServer({ settings: { pool_mode: 'transaction' } })
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

type Servers = ReturnType<PooledServer['get']>

/** What an example finds around it: variables, and the password of whom it logs in as. */
function surroundings(
  example: string,
  { bouncer, postgres }: Servers,
): { env: Record<string, string>; cwd: string } {
  const env = {
    PATH: process.env['PATH'] ?? '',
    PGBOUNCER_URL: bouncer.adminUrl,
    DATABASE_URL: bouncer.url(),
    DIRECT_URL: postgres.url(),
    ...postgres.env(),
    ...(example.includes('--url') ? { PGPASSWORD: bouncer.statsPassword } : {}),
  }
  return { env, cwd: folder }
}

/** The words of an example, with this test's server and files for those that it names. */
function words(example: string, { bouncer, postgres }: Servers): string[] {
  const [program, ...args] = example
    .replace('stats@localhost:6432', `${bouncer.statsUser}@${bouncer.host}:${bouncer.port}`)
    .replace('/etc/pgbouncer/', `${folder}/`)
    .replace('--user app', `--user ${postgres.user}`)
    .replaceAll(/--interval 5s/g, '--interval 5ms')
    .split(' ')
  expect(program).toBe('pgbouncer-stats')
  if (args[0] === 'top') args.push('--count', '2')
  if (args[0] === 'serve') args.push('--port', '0')
  return args
}

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs to its end; a server, until it listens. */
async function run(
  args: readonly string[],
  options: { env: Record<string, string>; cwd: string },
): Promise<Outcome> {
  const child = spawn(process.execPath, [own('dist/cli.js'), ...args], options)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString()
    if (!child.killed && stderr.includes('listening on')) child.kill('SIGTERM')
  })
  return await new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

const [, shellExamples] = /^```sh\n(.*?)^```$/ms.exec(readme)!
const [, synopsis] = /^## Command line\n\n```\n(.*?)^```$/ms.exec(readme)!

describe('the README', () => {
  it.for(shellExamples!.trim().split('\n'))('is right about: %s', async (example, context) => {
    expect(await outcomeOf(example, server.get(context))).toMatch(WORKED)
  })

  it('runs its first example', async (context) => {
    const { bouncer } = server.get(context)
    const [, example] = /^```ts\n(.*?)^```$/ms.exec(readme)!
    const program = example!
      .replace('postgres://stats@db:6432/pgbouncer?sslmode=verify-full', bouncer.adminUrl)
      .replace('resolve, 2000', 'resolve, 20')
      .replace("'@ops/pgbouncer-stats'", `'${own('src/index.ts')}'`)
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program])
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (output += data.toString()))
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
    expect(output.replaceAll(/^.*ExperimentalWarning.*\n|^\(Use `node.*\n/gm, '')).toBe('')
  })
})

describe('--help', () => {
  const commands = synopsis!
    .trim()
    .split('\n')
    .map((line) => /^pgbouncer-stats ([a-z-]+)/.exec(line)![1]!)

  it("has the README's commands", async () => {
    const { stdout } = await run(['--help'], { env: { PATH: '' }, cwd: folder })
    const [, listed] = /^Commands:\n(.*?)\n\n/ms.exec(stdout)!
    const named = Array.from(listed!.matchAll(/^ {2}([a-z]\S*)/gm), ([, name]) => name!)
    expect(named.filter((name) => name !== 'help' && name !== 'completion')).toEqual(commands)
  })

  it.for(commands)('of %s shows examples that run', async (command, context) => {
    const servers = server.get(context)
    const { code, stdout } = await run([command, '--help'], surroundings('', servers))
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: pgbouncer-stats ${command}`)
    for (const [example] of stdout.matchAll(/(?<=^ {2})pgbouncer-stats .*$/gm))
      expect(await outcomeOf(example, servers)).toMatch(WORKED)
  })
})

/** With or without findings; `serve` ends when it is told to. */
const WORKED = /^(exit code (0|3):|exit code 143: pgbouncer-stats: listening)/

async function outcomeOf(example: string, servers: Servers): Promise<string> {
  const { iniPath } = servers.bouncer
  for (const name of ['pgbouncer.ini', 'userlist.txt'])
    copyFileSync(join(dirname(iniPath), name), join(folder, name))
  const { code, stdout, stderr } = await run(words(example, servers), surroundings(example, servers))
  return `exit code ${code}: ${stdout}${stderr}`
}
