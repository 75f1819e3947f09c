import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ObjectStore } from '@ops/object-store'
import { ProgramError, startProgram } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'
import { checkBackup } from './check-backup.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import type { Manifest } from './manifest.ts'
import { dumpObject, openBackup } from './open-backup.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { quoteIdentifier, quoteLiteral, runPsql } from './run-psql.ts'

export type RestoreProgress =
  | { readonly phase: 'check'; readonly bytes: number; readonly total: number }
  /** Bytes of the plain archive that `pg_restore` has taken; indexes and constraints come after the last one. */
  | { readonly phase: 'restore'; readonly bytes: number; readonly total: number }

export interface RestoreBackupOptions {
  readonly store: ObjectStore
  readonly manifest: Manifest
  /** The database to restore into. It must be named here: there is no default, so that nothing is overwritten by accident. */
  readonly connection: PgConnection & { readonly database: string }
  /** Create the database first, with the backup's encoding and locale; a failed restore drops it again. @default false */
  readonly createDatabase?: boolean
  /** Restore into a database that has tables already. @default false */
  readonly allowNonEmpty?: boolean
  /** Everything belongs to the restoring role; for servers that lack the roles of the source. @default false */
  readonly noOwner?: boolean
  /** Leave out GRANT and REVOKE. @default false */
  readonly noPrivileges?: boolean
  /** Read every object and compare checksums before the first byte is restored. @default true */
  readonly checkFirst?: boolean
  readonly onProgress?: (progress: RestoreProgress) => void
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

export interface RestoreResult {
  readonly database: string
  readonly bytes: number
  readonly pgRestore: string
  /** What `pg_restore` said on stderr although it succeeded. */
  readonly warnings: readonly string[]
  readonly durationMs: number
}

/**
 * Restores a backup into a database by `pg_restore --exit-on-error`. The objects' checksums are
 * compared first, so that a damaged backup is found before anything is written. A restore that fails
 * leaves a database that it created dropped, and any other as far as it came, which the error says.
 *
 * Rejects with {@link BackupError} (`BACKUP_OBJECT_DAMAGED`, `BACKUP_TARGET_NOT_EMPTY`,
 * `BACKUP_RESTORE_FAILED` and others) or, when aborted, with `signal.reason`.
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoreResult> {
  const { store, manifest, connection, env = process.env, signal, onProgress } = options
  signal?.throwIfAborted()
  const begun = performance.now()
  const program = await findPostgresProgram('pg_restore', {
    env,
    signal,
    serverMajor: majorOf(manifest.tools.pgDump),
  })
  if (options.createDatabase !== true && options.allowNonEmpty !== true) await refuseFilled(options)
  if (options.checkFirst !== false) await checkBackup({ store, manifest, signal, onProgress })

  if (options.createDatabase === true) await createDatabase(options)
  try {
    const warnings: string[] = []
    const pgRestore = startProgram(program.path, {
      args: [
        '--format=custom',
        '--exit-on-error',
        '--no-password',
        // pg_restore, unlike psql, connects only when a database is named in its arguments.
        `--dbname=${conninfoOf(connection.database)}`,
        ...(options.noOwner === true ? ['--no-owner'] : []),
        ...(options.noPrivileges === true ? ['--no-privileges'] : []),
      ],
      env: connectionEnvironment(connection, env),
      signal,
      onStderrLine: (line) => {
        if (warnings.length < MAX_WARNINGS) warnings.push(line)
      },
    })
    pgRestore.stdout.resume()
    const total = dumpObject(manifest).rawBytes
    const source = await openBackup({ store, manifest, signal })
    await feed(
      counted(source, (bytes) => onProgress?.({ phase: 'restore', bytes, total })),
      pgRestore,
    )
    return {
      database: connection.database,
      bytes: total,
      pgRestore: program.version,
      warnings,
      durationMs: performance.now() - begun,
    }
  } catch (error) {
    throw await restoreFailure(error, options)
  }
}

const MAX_WARNINGS = 100

type Feedable = ReturnType<typeof startProgram>

/** Streams into the program and waits for its end. When the source fails, that is the error, whatever the program says. */
async function feed(source: AsyncIterable<Buffer>, program: Feedable): Promise<void> {
  let sourceError: unknown
  const guarded = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* source
    } catch (error) {
      sourceError = error
      throw error
    }
  }
  const [fed, ended] = await Promise.allSettled([
    pipeline(guarded(), program.stdin).catch(async (error: unknown) => {
      if (sourceError !== undefined) await program.kill()
      throw error
    }),
    program.exited,
  ])
  if (sourceError !== undefined) throw sourceError
  if (ended.status === 'rejected') throw ended.reason
  if (fed.status === 'rejected') throw fed.reason
}

async function* counted(source: Readable, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of source) {
    yield chunk as Buffer
    bytes += (chunk as Buffer).length
    onBytes(bytes)
  }
}

async function refuseFilled({ connection, env, signal }: RestoreBackupOptions): Promise<void> {
  const tables = await runPsql(
    `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'p', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)';`,
    { connection, env, signal },
  )
  if (tables === '0') return
  throw new BackupError(
    'BACKUP_TARGET_NOT_EMPTY',
    `${describeConnection(connection, env)} has ${tables} tables already; restore into a new database (--create) or, to add to this one, allow it (--into-non-empty)`,
    { details: { database: connection.database } },
  )
}

/** CREATE DATABASE cannot be run from the database that it creates, so it goes by way of `postgres`. */
async function createDatabase({ connection, manifest, env, signal }: RestoreBackupOptions): Promise<void> {
  const { encoding, collate, ctype } = manifest.server
  const statement =
    `CREATE DATABASE ${quoteIdentifier(connection.database)} TEMPLATE template0 ENCODING ${quoteLiteral(encoding)} ` +
    `LC_COLLATE ${quoteLiteral(collate)} LC_CTYPE ${quoteLiteral(ctype)};`
  try {
    await runPsql(statement, { connection: { ...connection, database: 'postgres' }, env, signal })
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    throw new BackupError(
      'BACKUP_RESTORE_FAILED',
      `the database "${connection.database}" could not be created: ${error.stderrTail}`,
      {
        details: { database: connection.database },
        cause: error,
      },
    )
  }
}

async function restoreFailure(error: unknown, options: RestoreBackupOptions): Promise<unknown> {
  const { connection, env, signal } = options
  const where = describeConnection(connection, env)
  const state =
    options.createDatabase === true
      ? await dropDatabase(options)
      : `${where} is partly filled; empty it before you try again`
  if (signal?.aborted === true) return signal.reason
  if (!(error instanceof ProgramError)) return error
  return new BackupError(
    'BACKUP_RESTORE_FAILED',
    `the restore into ${where} failed: ${error.message} (${state})`,
    {
      details: { database: connection.database },
      cause: error,
    },
  )
}

/** Runs after an abort too, so it does not take the signal. */
async function dropDatabase({ connection, env }: RestoreBackupOptions): Promise<string> {
  try {
    await runPsql(`DROP DATABASE IF EXISTS ${quoteIdentifier(connection.database)} WITH (FORCE);`, {
      connection: { ...connection, database: 'postgres' },
      env,
    })
    return 'the database that it created was dropped again'
  } catch (error) {
    return `the database that it created could not be dropped: ${(error as Error).message}`
  }
}

/** A database name for `--dbname`, which takes a name with `=` in it, or one that begins like a URI, for a connection string. */
function conninfoOf(database: string): string {
  return `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10)
}
