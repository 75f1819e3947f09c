import { isProgramError, startProgram } from '@ops/internal-subprocess'
import {
  connectionEnvironment,
  findPostgresProgram,
  isBackupError,
  runPsql,
  type PgConnection,
} from '@ops/pg-backup'
import type { Difference } from '../report.ts'
import type { Findings } from './check-run.ts'

export interface AmcheckOptions {
  readonly connection: PgConnection & { readonly database: string }
  readonly serverMajor: number
  /** Connections that check at a time. */
  readonly jobs: number
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}

const MAX_PROBLEMS = 100
/** pg_amcheck's exit code when it found corruption (PostgreSQL's pg_amcheck.c). */
const FOUND_CORRUPTION = 2

/** Are heaps and B-trees sound, by `pg_amcheck`? It puts the extension `amcheck` into the scratch database. */
export async function checkAmcheck(options: AmcheckOptions): Promise<Findings> {
  const { connection, serverMajor, signal } = options
  const unavailable = await whyUnavailable(options)
  if (unavailable !== undefined) return { skipped: unavailable }
  const env = connectionEnvironment(connection, options.env)
  const program = await findPostgresProgram('pg_amcheck', { env, signal, serverMajor })
  const lines: string[] = []
  const amcheck = startProgram(program.path, {
    args: ['--no-password', '--install-missing', `--jobs=${options.jobs}`, '--no-strict-names'],
    env,
    signal,
  })
  amcheck.stdin.end()
  amcheck.stdout.setEncoding('utf8')
  let rest = ''
  amcheck.stdout.on('data', (text: string) => {
    const whole = (rest + text).split('\n')
    rest = whole.pop()!.slice(-4096)
    for (const line of whole) if (lines.length < MAX_PROBLEMS) lines.push(line)
  })
  try {
    await amcheck.exited
    return {}
  } catch (error) {
    if (!isProgramError(error)) throw error
    if (error.exitCode !== FOUND_CORRUPTION)
      return { skipped: `pg_amcheck could not be run: ${error.stderrTail}` }
    return { differences: problemsOf(lines) }
  }
}

async function whyUnavailable({
  connection,
  serverMajor,
  env,
  signal,
}: AmcheckOptions): Promise<string | undefined> {
  try {
    await findPostgresProgram('pg_amcheck', { env, signal, serverMajor })
  } catch (error) {
    if (isBackupError(error)) return 'pg_amcheck was not found'
    throw error
  }
  const [available, superuser] = (
    await runPsql(
      `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck'), current_setting('is_superuser');`,
      { connection, env, signal },
    )
  ).split('|')
  if (available !== 't')
    return "the target lacks the extension amcheck (Debian, Ubuntu: it is in the server's package)"
  return superuser === 'on' ? undefined : 'the role on the target is no superuser, which pg_amcheck needs'
}

/** `heap table "db.schema.name", block 1, …:` or `btree index "…":`, and what is wrong indented below. */
function problemsOf(lines: readonly string[]): Difference[] {
  const differences: Difference[] = []
  let object = 'the database'
  for (const line of lines) {
    const head = /^((?:heap|btree) \w+ ".*?")(.*):$/.exec(line)
    if (head !== null) object = `${head[1]}${head[2]}`
    else if (line.trim() !== '') differences.push({ check: 'amcheck', object, problem: line.trim() })
  }
  return differences.length > 0
    ? differences
    : [{ check: 'amcheck', object, problem: 'pg_amcheck found corruption' }]
}
