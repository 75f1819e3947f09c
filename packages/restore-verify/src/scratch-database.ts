import { randomBytes } from 'node:crypto'
import { ProgramError, startProgram, type Program } from '@ops/internal-subprocess'
import {
  connectionEnvironment,
  findPostgresProgram,
  quoteIdentifier,
  quoteLiteral,
  runPsql,
  type PgConnection,
} from '@ops/pg-backup'
import { RestoreVerifyError } from './restore-verify-error.ts'

/** Databases with a name like this are ours and nobody else's; the time in it is when the drill began. */
const NAME = /^ops_verify_\d{8}t\d{6}z_[0-9a-f]{8}$/

export interface ScratchOptions {
  /** The server, and a role that may create databases on it. The database is only used to get in. */
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  readonly now: Date
}

/** A name for a database that does not exist yet, and a session on the server that says somebody is using it. */
export interface ScratchDatabase {
  readonly name: string
  readonly connection: PgConnection & { readonly database: string }
  /** Drops the database if it exists, and ends the session. Rejects with `VERIFY_SCRATCH_FAILED`. */
  remove(): Promise<void>
}

/**
 * Reserves a scratch database. For as long as the drill lives, a session on the server carries the
 * database's name as its `application_name`; when the drill dies, however it dies, that session ends
 * with it. So a scratch database without a session belongs to nobody, and `removeAbandoned` drops it.
 */
export async function reserveScratchDatabase(options: ScratchOptions): Promise<ScratchDatabase> {
  const time = options.now
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase()
  const name = `ops_verify_${time}_${randomBytes(4).toString('hex')}`
  const { connection, env } = options
  const session = await openSession(name, options)
  return {
    name,
    connection: { ...connection, database: name },
    async remove() {
      try {
        await dropDatabase(name, { connection, env })
      } finally {
        session.stdin.end()
        await session.kill()
      }
    },
  }
}

/** Drops the scratch databases of drills that are dead, and returns their names. */
export async function removeAbandoned(options: Omit<ScratchOptions, 'now'>): Promise<string[]> {
  const { connection, env, signal } = options
  const names = await runPsql(
    String.raw`SELECT datname FROM pg_database WHERE datname LIKE 'ops\_verify\_%'
      AND datname NOT IN (SELECT application_name FROM pg_stat_activity WHERE application_name IS NOT NULL)
      AND pg_has_role(datdba, 'usage');`,
    { connection, env, signal },
  )
  const abandoned = names.split('\n').filter((name) => NAME.test(name))
  for (const name of abandoned) await dropDatabase(name, { connection, env })
  return abandoned
}

async function openSession(name: string, { connection, env, signal }: ScratchOptions): Promise<Program> {
  const environment = connectionEnvironment(
    { ...connection, parameters: { ...connection.parameters, application_name: name } },
    env,
  )
  const psql = await findPostgresProgram('psql', { env: environment, signal })
  // Not tied to the signal: it must outlive an abort until the database is dropped.
  const session = startProgram(psql.path, {
    args: ['--no-psqlrc', '--no-password', '--quiet', '--tuples-only', '--no-align', '--file=-'],
    env: environment,
  })
  session.stdin.write(`SELECT 'open';\n`)
  await new Promise<void>((resolve, reject) => {
    session.stdout.once('data', () => resolve())
    session.exited.then(
      () => reject(scratchFailed(name, 'the session ended at once')),
      (error: unknown) => reject(scratchFailed(name, (error as ProgramError).stderrTail, error)),
    )
  })
  session.stdout.resume()
  return session
}

async function dropDatabase(
  name: string,
  { connection, env }: Pick<ScratchOptions, 'connection' | 'env'>,
): Promise<void> {
  try {
    await runPsql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${quoteLiteral(name)};\n` +
        `DROP DATABASE IF EXISTS ${quoteIdentifier(name)};`,
      { connection, env },
    )
  } catch (error) {
    throw scratchFailed(
      name,
      `it could not be dropped: ${error instanceof ProgramError ? error.stderrTail : String(error)}`,
      error,
    )
  }
}

function scratchFailed(name: string, why: string, cause?: unknown): RestoreVerifyError {
  return new RestoreVerifyError('VERIFY_SCRATCH_FAILED', `the scratch database ${name}: ${why}`, {
    details: { scratchDatabase: name },
    cause,
  })
}
