import { randomBytes } from 'node:crypto'
import { errorMessage } from '@ops/internal-error'
import { type Program, type ProgramError, isProgramError, startProgram } from '@ops/internal-subprocess'
import {
  connectionEnvironment,
  describeConnection,
  findPostgresProgram,
  quoteIdentifier,
  quoteLiteral,
  readServerFacts,
  runPsql,
  type Logger,
  type Manifest,
  type PgConnection,
} from '@ops/pg-backup'
import { RestoreVerifyError } from '../restore-verify-error.ts'
import type { Target, TargetContext } from './target.ts'

/** DROP DATABASE waits for every backend of the cluster, also for one that hangs. */
const DROP_WITHIN = '2min'

/** Databases with a name like this are ours and nobody else's; the time in it is when the drill began. */
const NAME = /^ops_verify_\d{8}t\d{6}z_[0-9a-f]{8}$/

/** A scratch database on a server that is there already. */
export interface ServerTargetOptions {
  /** Which of the targets it is. */
  readonly kind: 'server'
  /**
   * The server, and a role that may create databases on it. Its `database` is only used to get in;
   * nothing in it is touched. @default libpq's `PG*` variables, database `postgres`
   */
  readonly connection?: PgConnection
  /**
   * Restore on the very server that the backup was taken from, or on one that may be it: next to the
   * source, never into it. It costs that server room, WAL and time. @default false
   */
  readonly allowSourceCluster?: boolean
}

type SessionOptions = Pick<TargetContext, 'env' | 'signal'> & { readonly connection: PgConnection }

/**
 * Reserves a scratch database. For as long as the drill lives, a session on the server carries the
 * database's name as its `application_name`; when the drill dies, however it dies, that session ends
 * with it. So a scratch database without a session belongs to nobody, and the next drill drops it.
 * Rejects with `VERIFY_TARGET_IS_SOURCE` before anything is written.
 */
export async function openServerTarget(
  options: ServerTargetOptions,
  context: TargetContext,
): Promise<Target> {
  const { env, signal, logger } = context
  const connection = { ...options.connection, database: options.connection?.database ?? 'postgres' }
  const session = { connection, env, signal }
  if (options.allowSourceCluster !== true) await refuseSource(session, context.manifest)
  await removeAbandoned(session, logger)
  const time = context.now
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase()
  const database = `ops_verify_${time}_${randomBytes(4).toString('hex')}`
  const marker = await openSession(database, session)
  return {
    kind: 'server',
    connection,
    database,
    isEphemeral: false,
    async close() {
      try {
        await dropDatabase(database, session)
        await dropRoles(database, session).catch((error: unknown) => {
          // Another drill uses it too; the next one drops it.
          logger?.warn({ database, error: errorMessage(error) }, 'a role that was made for the drill stays')
        })
      } finally {
        marker.stdin.end()
        await marker.kill()
      }
    },
  }
}

/** The source's cluster has the backup's system identifier; where one of the two is hidden, a database of the source's name is enough. */
async function refuseSource(session: SessionOptions, manifest: Manifest): Promise<void> {
  const { systemIdentifier } = await readServerFacts(session)
  const source = manifest.server.systemIdentifier
  const where = describeConnection(session.connection, session.env)
  if (systemIdentifier !== undefined && source !== undefined) {
    if (systemIdentifier !== source) return
    throw isSource(
      `the server of ${where} is the one that the backup was taken from (system identifier ${source})`,
    )
  }
  const name = quoteLiteral(manifest.database)
  const found = await runPsql(`SELECT count(*) FROM pg_database WHERE datname = ${name};`, session)
  if (found === '0') return
  throw isSource(
    `the server of ${where} may be the one that the backup was taken from: it has a database "${manifest.database}", and a system identifier is not known`,
  )
}

function isSource(what: string): RestoreVerifyError {
  return new RestoreVerifyError(
    'VERIFY_TARGET_IS_SOURCE',
    `${what}: drill on another server or an ephemeral one (--target local), or allow it (--allow-source-cluster)`,
  )
}

/** Drops the scratch databases and the roles of drills that are dead. What cannot be dropped now is left to the next drill. */
async function removeAbandoned(session: SessionOptions, logger: Logger | undefined): Promise<void> {
  const names = await runPsql(
    String.raw`SELECT name FROM (
        SELECT datname::text AS name FROM pg_database WHERE pg_has_role(datdba, 'usage')
        UNION SELECT description FROM pg_shdescription WHERE classoid = 'pg_authid'::regclass) found
      WHERE name LIKE 'ops\_verify\_%'
        AND name NOT IN (SELECT application_name FROM pg_stat_activity WHERE application_name IS NOT NULL);`,
    session,
  )
  for (const database of names.split('\n').filter((name) => NAME.test(name))) {
    try {
      await dropDatabase(database, session)
      await dropRoles(database, session)
      logger?.warn({ database }, 'dropped the scratch database of a dead drill')
    } catch (error) {
      session.signal?.throwIfAborted()
      logger?.warn(
        { database, error: errorMessage(error) },
        'a dead drill left a scratch database that could not be dropped',
      )
    }
  }
}

async function openSession(name: string, { connection, env, signal }: SessionOptions): Promise<Program> {
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

/** From inside the scratch database. With its slot, a subscription would take the one of the source along. */
const DROP_SUBSCRIPTIONS = String.raw`
SELECT format(statement, subname)
  FROM pg_subscription, unnest(ARRAY[
         'ALTER SUBSCRIPTION %I DISABLE',
         'ALTER SUBSCRIPTION %I SET (slot_name = NONE)',
         'DROP SUBSCRIPTION %I']) WITH ORDINALITY AS step(statement, number)
 WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY subname, number \gexec
`

/** A database with subscriptions cannot be dropped. */
async function dropSubscriptions(
  name: string,
  { connection, env }: Omit<SessionOptions, 'signal'>,
): Promise<void> {
  const count = `SELECT count(*) FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = ${quoteLiteral(name)};`
  if ((await runPsql(count, { connection, env })) === '0') return
  await runPsql(DROP_SUBSCRIPTIONS, { connection: { ...connection, database: name }, env })
}

async function dropDatabase(
  name: string,
  { connection, env }: Omit<SessionOptions, 'signal'>,
): Promise<void> {
  try {
    await dropSubscriptions(name, { connection, env })
    await runPsql(
      `SET statement_timeout = '${DROP_WITHIN}';\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${quoteLiteral(name)};\n` +
        `DROP DATABASE IF EXISTS ${quoteIdentifier(name)};`,
      { connection, env },
    )
  } catch (error) {
    throw scratchFailed(
      name,
      `it could not be dropped: ${isProgramError(error) ? error.stderrTail : String(error)}; the next drill tries again, or drop it yourself`,
      error,
    )
  }
}

/** Drops the roles that were made for a drill: their comment is the name of its database. */
async function dropRoles(name: string, { connection, env }: Omit<SessionOptions, 'signal'>): Promise<void> {
  const drop = String.raw`SELECT format('DROP ROLE %I', rolname) FROM pg_roles
    WHERE shobj_description(oid, 'pg_authid') = ${quoteLiteral(name)} \gexec`
  await runPsql(drop, { connection, env })
}

function scratchFailed(name: string, why: string, cause?: unknown): RestoreVerifyError {
  return new RestoreVerifyError('VERIFY_SCRATCH_FAILED', `the scratch database ${name}: ${why}`, {
    details: { scratchDatabase: name },
    cause,
  })
}
