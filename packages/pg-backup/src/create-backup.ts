import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupFolder, MANIFEST_NAME, newBackupId, type BackupRef } from './backup-set.ts'
import { buildManifest } from './build-manifest.ts'
import { resolveCompression, type BackupCompression } from './compression.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { dumpDatabase } from './dump-database.ts'
import { checkEncryption, type BackupEncryption } from './encryption.ts'
import type { Logger } from './logger.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import type { ObjectEncoding } from './object-encoding.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { publishManifest } from './publish-manifest.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'
import { toBackupError } from './store-failure.ts'
import { storeGlobals } from './store-globals.ts'
import { storeStream } from './store-stream.ts'
import type { DumpTarget } from './stored-dump.ts'
import { withdrawBackup } from './withdraw-backup.ts'

/** What happens during a backup; bytes and rows count from the start. */
export type BackupProgress =
  | { readonly phase: 'connect' }
  | {
      readonly phase: 'dump'
      readonly rawBytes: number
      readonly storedBytes: number
      readonly rows: number
      readonly tablesDone: number
      /** Known once the archive's table of contents was read. */
      readonly tablesTotal?: number
      readonly table?: { readonly schema: string; readonly name: string }
    }
  | { readonly phase: 'publish'; readonly rawBytes: number; readonly storedBytes: number }

export interface CreateBackupOptions {
  readonly store: ObjectStore
  /** The database to back up. @default libpq's `PG*` variables */
  readonly connection?: PgConnection
  /** Groups the backups of one server; the first segment of every key. @default 'main' */
  readonly cluster?: string
  /** @default zstd at level 1 */
  readonly compression?: BackupCompression
  /** Encrypt every object but the manifest, in the age format. @default not encrypted */
  readonly encryption?: BackupEncryption
  /** Back up the cluster's roles and tablespaces too. @default false */
  readonly globals?: boolean
  /** With `globals`: leave out the roles' passwords, which only a superuser may read. @default false */
  readonly noRolePasswords?: boolean
  /** Count and digest every row on the way; without it a drill can prove nothing about rows. @default true */
  readonly digest?: boolean
  readonly onProgress?: (progress: BackupProgress) => void
  /** @default silent */
  readonly logger?: Logger
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
  /** @default () => new Date() */
  readonly now?: () => Date
}

export interface BackupResult extends BackupRef {
  readonly store: string
  readonly manifestKey: string
  readonly manifest: Manifest
  readonly durationMs: number
}

/**
 * Backs one database up: `pg_dump` → archive reader (counts and digests every row) → zstd → store.
 * The backup exists when its manifest does, and the manifest is put last, after `pg_dump` ended well,
 * the archive was read to its end and the store confirmed size and checksum. Whatever fails before,
 * everything that was stored is removed again; what could not be is named in `details.leftBehind`.
 *
 * Rejects with {@link BackupError} or, when aborted, with `signal.reason`.
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupResult> {
  const { store, connection = {}, env = process.env, signal, now = () => new Date() } = options
  signal?.throwIfAborted()
  const encoding = resolveEncoding(options)
  const startedAt = now()

  options.onProgress?.({ phase: 'connect' })
  const server = await readServerFacts({ connection, env, signal })
  const program = await findPostgresProgram('pg_dump', { env, signal, serverMajor: server.major })
  const backup: BackupRef = {
    cluster: options.cluster ?? 'main',
    database: server.database,
    id: newBackupId(startedAt),
  }
  const folder = backupFolder(backup)
  await tryStore(store, signal)
  options.logger?.info(
    { ...backup, pgDump: program.version },
    `backing up ${describeConnection(connection, env)}`,
  )

  /** What is in the store by now, or may be, the latest first. A put that fails removes its own. */
  const begun: string[] = []
  try {
    const target: DumpTarget = { store, folder, encoding, onStored: (key) => begun.unshift(key), signal }
    const globals = options.globals === true ? await takeGlobals(options, server, target) : undefined
    const dump = await storeStream(
      dumpDatabase({ connection, env, program, digest: options.digest, signal }),
      target,
      { sizeHintBytes: sizeHint(server), onProgress: options.onProgress },
    )
    const manifest = buildManifest({
      backup,
      server,
      program,
      encoding,
      startedAt,
      finishedAt: now(),
      digest: options.digest ?? true,
      dump,
      globals,
    })
    const { rawBytes, storedBytes } = totals(manifest)
    options.onProgress?.({ phase: 'publish', rawBytes, storedBytes })
    const manifestKey = `${folder}${MANIFEST_NAME}`
    begun.unshift(manifestKey)
    if (!(await publishManifest(store, manifestKey, manifest, signal))) {
      // What lies there is another's, and so may be what we took for our own: leave it alone.
      begun.length = 0
      throw collision(manifestKey)
    }
    const durationMs = now().getTime() - startedAt.getTime()
    options.logger?.info({ ...backup, durationMs, storedBytes }, 'the backup is published')
    return { ...backup, store: store.url, manifestKey, manifest, durationMs }
  } catch (error) {
    throw await withdrawBackup(store, begun, error, options.logger)
  }
}

/**
 * Finds out what the store can do, by writing a small object and removing it. Needed for the manifest
 * in the end, and done first: a store that cannot be written to is found before the database has any work.
 */
async function tryStore(store: ObjectStore, signal: AbortSignal | undefined): Promise<void> {
  try {
    await store.capabilities({ signal })
  } catch (error) {
    throw toBackupError(error, { doing: 'it was tried', key: store.url, signal })
  }
}

async function takeGlobals(
  { connection = {}, env, noRolePasswords = false }: CreateBackupOptions,
  { major: serverMajor }: ServerFacts,
  target: DumpTarget,
): Promise<{ object: ManifestObject; rolePasswords: boolean }> {
  const object = await storeGlobals({ connection, env, serverMajor, noRolePasswords }, target)
  return { object, rolePasswords: !noRolePasswords }
}

function totals({ objects }: Manifest): { rawBytes: number; storedBytes: number } {
  return {
    rawBytes: objects.reduce((sum, object) => sum + object.rawBytes, 0),
    storedBytes: objects.reduce((sum, object) => sum + object.storedBytes, 0),
  }
}

/**
 * The text of a row can be longer than the row on disk (numbers, decompressed TOAST values), so twice
 * the database's size is the estimate; it decides the size of the parts, and zstd stays far below it.
 */
function sizeHint(server: ServerFacts): number {
  return 2 * server.sizeBytes
}

function collision(key: string): BackupError {
  const message = `${key} exists already and is not of this backup; nothing was published, try again`
  return new BackupError('BACKUP_STORE_FAILED', message, { details: { key } })
}

function resolveEncoding({ compression, encryption }: CreateBackupOptions): ObjectEncoding {
  if (encryption !== undefined) checkEncryption(encryption)
  return { compression: resolveCompression(compression), encryption }
}
