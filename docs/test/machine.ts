import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  startPgBouncer,
  startPostgres,
  startS3,
  type PgBouncer,
  type Postgres,
  type S3Server,
} from '@ops/testbed'
import { BINS } from './bins.ts'
import { installProgram } from './install-program.ts'
import { fencedBlocks } from './page.ts'

const own = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Folders of the system that guides and scripts name; each is one of this machine's own instead. */
const SYSTEM_PATH = /(?<![\w.~$}-])\/(?=(?:etc|var|srv|mnt)\/)/g

export interface MachineOptions {
  /** The database `app`, as it is before every page and script. */
  readonly sql: string
}

export interface ShellOptions {
  /** Variables beside the machine's own. */
  readonly env?: Readonly<Record<string, string>>
}

/** A machine as the guides describe it: PostgreSQL, PgBouncer and S3 run, and our commands are on PATH. */
export interface Machine extends AsyncDisposable {
  readonly postgres: Postgres
  readonly bouncer: PgBouncer
  readonly s3: S3Server
  /** Stands for `/`: what a guide calls `/var/backups` is `<root>/var/backups`. */
  readonly root: string
  /** Makes the database `app` and the folders as they were, with one backup of `app` in `/var/backups/postgres`. */
  reset(): Promise<void>
  /** The server is gone, with its disk; what leads to it (`PGHOST` and so on) leads to a new one with nothing in it. */
  loseServer(): Promise<void>
  /** Runs a script with bash until a command fails; gives stdout, and throws with stderr. */
  shell(script: string, options?: ShellOptions): Promise<string>
  /** Runs every `sh`, `sql` and `ts` block of a page in order, as one session of one reader. */
  follow(page: string): Promise<string>
}

export async function startMachine({ sql }: MachineOptions): Promise<Machine> {
  const root = await mkdtemp(join(tmpdir(), 'ops-docs-test-'))
  // Inside this package, so that a guide's programs resolve what a user has installed.
  const programs = await mkdtemp(own('../snippets-'))
  const [firstServer, s3] = await Promise.all([startPostgres(), startS3()])
  let postgres = firstServer
  const there = `host=${postgres.host} port=${postgres.port}`
  const bouncer = await startPgBouncer({
    postgres,
    databases: { app: there, '*': there },
    settings: { pool_mode: 'transaction' },
  })
  await s3.createBucket({ name: 'backups' })
  const bin = join(root, 'bin')
  await mkdir(bin)
  await installProgram(join(bin, 'node'), process.execPath)
  for (const [name, program] of BINS) await installProgram(join(bin, name), process.execPath, program)

  const env: Record<string, string> = {
    ...postgres.env('app'),
    ...s3.env,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    DIRECT_URL: postgres.url('app'),
    POOLED_URL: bouncer.url('app'),
    PGBOUNCER_URL: bouncer.adminUrl,
    OPS_STORE: 'file:///var/backups/postgres',
    HOME: join(root, 'home'),
    PATH: [bin, postgres.binFolder, process.env['PATH']].join(delimiter),
  }
  const rooted = (text: string): string => text.replaceAll(SYSTEM_PATH, `${root}/`)

  async function shell(script: string, options: ShellOptions = {}): Promise<string> {
    const variables = Object.entries({ ...env, ...options.env }).map(([name, value]) => [name, rooted(value)])
    const { stdout } = await promisify(execFile)(
      'bash',
      ['--norc', '-Eeuo', 'pipefail', '-c', rooted(script)],
      {
        cwd: join(root, 'home'),
        env: Object.fromEntries(variables) as Record<string, string>,
        maxBuffer: 64 * 1024 * 1024,
      },
    )
    return stdout
  }

  async function reset(): Promise<void> {
    const databases = await postgres.query(
      `SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')`,
    )
    for (const { datname } of databases)
      await postgres.query(`DROP DATABASE "${String(datname)}" WITH (FORCE)`)
    await postgres.createDatabase('app')
    await postgres.query(sql, 'app')
    for (const folder of ['etc', 'var', 'srv', 'mnt', 'home'])
      await rm(join(root, folder), { recursive: true, force: true })
    for (const folder of ['etc/pgbouncer', 'var/backups/postgres', 'srv', 'mnt/scratch', 'home'])
      await mkdir(join(root, folder), { recursive: true })
    await symlink(bouncer.iniPath, join(root, 'etc/pgbouncer/pgbouncer.ini'))
    const seed = join(root, 'seed')
    try {
      await cp(seed, join(root, 'var/backups/postgres'), { recursive: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await shell('pg-backup create --dbname app --quiet')
      await cp(join(root, 'var/backups/postgres'), seed, { recursive: true })
    }
  }

  async function loseServer(): Promise<void> {
    await postgres.stop()
    // PgBouncer has the old one's password, and this one takes any.
    postgres = await startPostgres({ auth: 'trust' })
    Object.assign(env, postgres.env('app'), { DIRECT_URL: postgres.url('app') })
  }

  return {
    get postgres() {
      return postgres
    },
    loseServer,
    bouncer,
    s3,
    root,
    reset,
    shell,
    async follow(page) {
      const steps = await Promise.all(
        fencedBlocks(page).map(async ({ language, text, line }) => {
          const at = `trap 'echo "line ${line}: $BASH_COMMAND: exit code $?" >&2' ERR`
          if (language === 'sh') return `${at}\n${withExitCodes(text)}`
          if (language !== 'sql' && language !== 'ts') return ''
          const file = join(programs, `line-${line}.${language}`)
          await writeFile(file, rooted(text))
          const run = language === 'sql' ? 'psql --quiet --set=ON_ERROR_STOP=1 --file' : 'node'
          return `${at}\n${run} '${file}'`
        }),
      )
      return await shell(steps.join('\n'))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([bouncer.stop(), s3.stop()])
      await postgres.stop()
      await Promise.all([root, programs].map((folder) => rm(folder, { recursive: true, force: true })))
    },
  }
}

/** A line with the comment `# exit code 3` has to end with that code; with `# exit code 0 or 3`, with one of them. */
function withExitCodes(script: string): string {
  return script.replaceAll(
    /^(.*\S)\s+# exit code (\d)(?: or (\d))?$/gm,
    (_line, command: string, code: string, other = code) =>
      `code=0; { ${command}; } || code=$?; case $code in ${code} | ${String(other)}) ;; *) echo "exit code $code" >&2; false ;; esac`,
  )
}
