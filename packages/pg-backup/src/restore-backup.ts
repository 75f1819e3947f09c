import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { ObjectStore } from '@ops/object-store'
import { ProgramError, startProgram } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'
import { checkBackup } from './check-backup.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import { createDatabaseStatement } from './create-database-statement.ts'
import type { Manifest } from './manifest.ts'
import type { BackupKeys, Unlocker } from './encryption.ts'
import { dumpObject, openPlain, unlockBackup } from './open-backup.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { restoreGlobals, type RestoredGlobals } from './restore-globals.ts'
import { quoteIdentifier, runPsql } from './run-psql.ts'
import { stageBackup, type StagedBackup } from './stage-backup.ts'

/** How far a restore is, in bytes. */
export type RestoreProgress =
  | { readonly phase: 'check'; readonly bytes: number; readonly total: number }
  /** Bytes of the plain dump that are in staging. */
  | { readonly phase: 'unpack'; readonly bytes: number; readonly total: number }
  /** Bytes of the plain archive that `pg_restore` has taken; indexes and constraints come after the last one. */
  | { readonly phase: 'restore'; readonly bytes: number; readonly total: number }

/** Options of {@link restoreBackup}. */
export interface RestoreBackupOptions extends BackupKeys {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** What the backup holds, from `readManifest`. */
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
  /** How many tables and indexes `pg_restore` works on at a time; with more than 1 the plain dump lies in staging meanwhile. @default 1 */
  readonly jobs?: number
  /**
   * Where a backup is unpacked that cannot be restored as it streams by: one in directory layout, or
   * any with several jobs. It takes the size of the plain dump. @default the system's temporary folder
   */
  readonly stagingFolder?: string
  /** Create the backup's roles and tablespaces first; those that exist already are left as they are. @default false */
  readonly globals?: boolean
  /** Put everything into the database's own tablespace. @default false */
  readonly noTablespaces?: boolean
  /** A file for `pg_restore --use-list`: what it does not list is not restored. @default everything is */
  readonly listFile?: string
  /** Read every object and compare checksums before the first byte is restored; what is unpacked first is always compared. @default true */
  readonly checkFirst?: boolean
  /** Told how far it is. */
  readonly onProgress?: (progress: RestoreProgress) => void
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

/** What {@link restoreBackup} did. */
export interface RestoreResult {
  readonly database: string
  readonly bytes: number
  /** What became of roles and tablespaces, where they were asked for. */
  readonly globals?: RestoredGlobals
  readonly pgRestore: string
  /** What `pg_restore` said on stderr although it succeeded. */
  readonly warnings: readonly string[]
  readonly durationMs: number
}

/**
 * Restores a backup of any layout into a database by `pg_restore --exit-on-error`. The keys are tried
 * and the objects' checksums compared first, so that a wrong key or a damaged backup is found before
 * anything is written. A restore that fails
 * leaves a database that it created dropped, and any other as far as it came, which the error says.
 *
 * Rejects with {@link BackupError} (`BACKUP_OBJECT_DAMAGED`, `BACKUP_TARGET_NOT_EMPTY`,
 * `BACKUP_RESTORE_FAILED` and others) or, when aborted, with `signal.reason`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup, readManifest, restoreBackup } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const { warnings, durationMs } = await restoreBackup({
 *   store,
 *   manifest: await readManifest({ store, backup }),
 *   connection: { host: 'localhost', database: 'app_restored' },
 *   createDatabase: true,
 * })
 * console.log(`restored in ${durationMs} ms`, warnings)
 * ```
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoreResult> {
  const { manifest, connection, env = process.env, signal } = options
  signal?.throwIfAborted()
  checkOptions(options)
  const begun = performance.now()
  const program = await findPostgresProgram('pg_restore', {
    env: connectionEnvironment(connection, env),
    signal,
    serverMajor: majorOf(manifest.tools.pgDump),
  })
  const unlocker = await unlockBackup(options)
  if (options.createDatabase !== true && options.allowNonEmpty !== true) await refuseFilled(options)
  // Unpacking checks what it unpacks, so one pass over the store does for both.
  await using staged = isStaged(options) ? await unpack(options, unlocker) : undefined
  if (options.checkFirst !== false) {
    const objects =
      staged === undefined ? manifest.objects : manifest.objects.filter(({ role }) => role === 'globals')
    await checkBackup({ ...options, manifest: { ...manifest, objects } })
  }

  const globals = options.globals === true ? await globalsInto(options, unlocker) : undefined
  if (options.createDatabase === true) await createDatabase(options)
  try {
    const restoring = { ...options, program: program.path, unlocker }
    const warnings =
      staged === undefined ? await restoreStream(restoring) : await restoreStaged(staged, restoring)
    return {
      database: connection.database,
      bytes: dumpBytes(manifest),
      ...(globals === undefined ? {} : { globals }),
      pgRestore: program.version,
      warnings,
      durationMs: performance.now() - begun,
    }
  } catch (error) {
    throw await restoreFailure(error, options)
  }
}

/** Decodes the archive into `pg_restore` as it comes from the store. */
async function restoreStream(options: Restoring): Promise<string[]> {
  const { manifest, unlocker, onProgress } = options
  const { program, warnings } = startRestore(options, ['--format=custom'])
  const total = dumpBytes(manifest)
  const source = await openPlain(options, dumpObject(manifest), unlocker)
  await feed(
    counted(source, (bytes) => onProgress?.({ phase: 'restore', bytes, total })),
    program,
  )
  return warnings
}

/** Where `pg_restore` has to read in several places, the dump lies in a staging folder. */
function isStaged({ manifest, jobs = 1 }: RestoreBackupOptions): boolean {
  return manifest.layout === 'directory' || jobs > 1
}

async function unpack(options: RestoreBackupOptions, unlocker: Unlocker | undefined): Promise<StagedBackup> {
  const { manifest, onProgress } = options
  const total = dumpBytes(manifest)
  const onBytes = (bytes: number): void => onProgress?.({ phase: 'unpack', bytes, total })
  return stageBackup({ ...options, unlocker, onBytes })
}

async function restoreStaged(staged: StagedBackup, options: Restoring): Promise<string[]> {
  const { manifest, jobs = 1, onProgress } = options
  const total = dumpBytes(manifest)
  onProgress?.({ phase: 'restore', bytes: total, total })
  const { program, warnings } = startRestore(options, [
    `--format=${manifest.layout}`,
    `--jobs=${jobs}`,
    staged.path,
  ])
  program.stdin.end()
  await program.exited
  return warnings
}

interface Restoring extends RestoreBackupOptions {
  readonly program: string
  readonly unlocker: Unlocker | undefined
}

function startRestore(
  options: Restoring,
  args: readonly string[],
): { program: Feedable; warnings: string[] } {
  const { connection, env, signal } = options
  const warnings: string[] = []
  const program = startProgram(options.program, {
    args: [
      '--exit-on-error',
      '--no-password',
      // pg_restore, unlike psql, connects only when a database is named in its arguments.
      `--dbname=${conninfoOf(connection.database)}`,
      ...(options.noOwner === true ? ['--no-owner'] : []),
      ...(options.noPrivileges === true ? ['--no-privileges'] : []),
      ...(options.noTablespaces === true ? ['--no-tablespaces'] : []),
      ...(options.listFile === undefined ? [] : [`--use-list=${options.listFile}`]),
      ...args,
    ],
    env: connectionEnvironment(connection, env),
    signal,
    onStderrLine: (line) => {
      if (warnings.length < MAX_WARNINGS) warnings.push(line)
    },
  })
  program.stdout.resume()
  return { program, warnings }
}

function dumpBytes({ objects }: Manifest): number {
  return objects.reduce((sum, { role, rawBytes }) => (role === 'globals' ? sum : sum + rawBytes), 0)
}

/** More than any cluster's roles need. */
const MAX_GLOBALS_BYTES = 256 * 1024 * 1024

async function globalsInto(
  options: RestoreBackupOptions,
  unlocker: Unlocker | undefined,
): Promise<RestoredGlobals> {
  const { manifest, env, signal } = options
  const object = manifest.objects.find(({ role }) => role === 'globals')
  if (object === undefined) throw noGlobals(manifest)
  if (object.rawBytes > MAX_GLOBALS_BYTES) {
    throw new BackupError(
      'BACKUP_MANIFEST_INVALID',
      `the manifest of ${manifest.id} gives its roles and tablespaces ${object.rawBytes} bytes, more than is believable`,
    )
  }
  const script = await text(await openPlain(options, object, unlocker))
  // Where the database is only made afterwards, `postgres` is the way in, as for CREATE DATABASE.
  const database = options.createDatabase === true ? 'postgres' : options.connection.database
  return restoreGlobals(script, { connection: { ...options.connection, database }, env, signal })
}

function noGlobals({ id }: Manifest): BackupError {
  return new BackupError(
    'BACKUP_BAD_OPTIONS',
    `backup ${id} has no roles and tablespaces in it, and restoring them was asked for; back them up with globals`,
  )
}

function checkOptions({ jobs, manifest, globals }: RestoreBackupOptions): void {
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1))
    throw new BackupError('BACKUP_BAD_OPTIONS', `jobs is ${jobs}; it must be a whole number of at least 1`)
  if (globals === true && manifest.globals === null) throw noGlobals(manifest)
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
  const statement = createDatabaseStatement(connection.database, manifest.server)
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
