import { ProgramError, startProgram, type Program } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import { findPsql } from './postgres-program.ts'

/** Options of {@link runPsql}. */
export interface PsqlOptions {
  /** Where the server is, and who logs in. */
  readonly connection: PgConnection
  /** Variables in place of `process.env`, such as `PATH` and `OPS_PG_BIN`. */
  readonly env?: NodeJS.ProcessEnv
  /** A script that takes longer is given up: the server, or the network, has fallen silent. @default 900000 */
  readonly timeoutMs?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** psql's exit code when the connection failed or broke (PostgreSQL documentation, "psql", Exit Status). */
const CONNECTION_FAILED = 2

const DEFAULT_TIMEOUT_MS = 900_000

/**
 * Runs a script by `psql` and returns what it prints, unaligned and without headers. psql is asked
 * rather than a driver because it connects by libpq, as `pg_dump` and `pg_restore` do: what works
 * for one works for the others (service files, Kerberos, `~/.pgpass`, certificates).
 *
 * Rejects with `BACKUP_CONNECT_FAILED` when the server cannot be reached, refuses the login or does
 * not answer, and with `ProgramError` when a statement fails.
 *
 * @example
 * ```ts
 * import { runPsql } from '@ops/pg-backup'
 *
 * const version = await runPsql('SHOW server_version', { connection: { host: 'localhost', database: 'app' } })
 * console.log(version.trim())
 * ```
 */
export async function runPsql(script: string, options: PsqlOptions): Promise<string> {
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  const psql = await startPsql({
    ...options,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  })
  psql.stdin.end(script)
  psql.stdout.setEncoding('utf8')
  let output = ''
  psql.stdout.on('data', (text: string) => {
    output += text
  })
  try {
    await psql.exited
  } catch (error) {
    signal?.throwIfAborted()
    if (timeout.aborted) throw connectFailed(options, `nothing was answered for ${timeoutMs / 1000} s`, error)
    if (!(error instanceof ProgramError) || error.exitCode !== CONNECTION_FAILED) throw error
    throw connectFailed(options, error.stderrTail.replace(/^psql: error: /, ''), error)
  }
  return output.trim()
}

/** Starts `psql` to execute what its stdin says, statement by statement as they come. */
export async function startPsql(options: PsqlOptions): Promise<Program> {
  const env = connectionEnvironment(options.connection, options.env)
  return startProgram(await findPsql({ env, signal: options.signal }), {
    args: [
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--tuples-only',
      '--no-align',
      '--set=ON_ERROR_STOP=1',
      '--file=-',
    ],
    env,
    signal: options.signal,
  })
}

function connectFailed({ connection, env }: PsqlOptions, reason: string, cause: unknown): BackupError {
  return new BackupError(
    'BACKUP_CONNECT_FAILED',
    `cannot connect to ${describeConnection(connection, env)}: ${reason}`,
    { cause },
  )
}

/**
 * A string as an SQL literal, whatever `standard_conforming_strings` is.
 *
 * @example
 * ```ts
 * import { quoteLiteral, runPsql } from '@ops/pg-backup'
 *
 * const sql = `SELECT count(*) FROM pg_roles WHERE rolname = ${quoteLiteral("o'brien")}`
 * console.log(await runPsql(sql, { connection: { database: 'app' } }))
 * ```
 */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''")
  return quoted.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

/**
 * A name as a quoted SQL identifier.
 *
 * @example
 * ```ts
 * import { quoteIdentifier } from '@ops/pg-backup'
 *
 * console.log(`DROP TABLE ${quoteIdentifier('odd "name"')}`) // DROP TABLE "odd ""name"""
 * ```
 */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
