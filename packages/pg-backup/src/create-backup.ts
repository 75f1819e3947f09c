import type { ObjectStore, PutResult } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupFolder, MANIFEST_NAME, newBackupId, type BackupRef } from './backup-set.ts'
import { buildManifest } from './build-manifest.ts'
import { compressionStream, DUMP_NAME, DEFAULT_COMPRESSION_LEVEL } from './compression.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { dumpDatabase, type RunningDump } from './dump-database.ts'
import { withHooks, type BackupHooks } from './hooks.ts'
import type { Logger } from './logger.ts'
import type { Manifest } from './manifest.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { publishManifest } from './publish-manifest.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'
import { toBackupError } from './store-failure.ts'
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
  /** zstd's level, 1 to 19. @default 1 */
  readonly compressionLevel?: number
  /** Count and digest every row on the way; without it a drill can prove nothing about rows. @default true */
  readonly digest?: boolean
  readonly onProgress?: (progress: BackupProgress) => void
  /** Told how it went: callbacks, a `webhookNotifier`, the metrics of `@ops/pg-backup/prometheus`. */
  readonly hooks?: readonly BackupHooks[]
  /** How long a hook may take before it is warned about and left alone. @default 60_000 */
  readonly hookTimeoutMs?: number
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
export function createBackup(options: CreateBackupOptions): Promise<BackupResult> {
  return withHooks(options, () => takeBackup(options))
}

async function takeBackup(options: CreateBackupOptions): Promise<BackupResult> {
  const { store, connection = {}, env = process.env, signal, now = () => new Date() } = options
  signal?.throwIfAborted()
  const level = checkLevel(options.compressionLevel ?? DEFAULT_COMPRESSION_LEVEL)
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
    const dump = dumpDatabase({ connection, env, program, digest: options.digest, signal })
    const stored = await storeDump(dump, { ...options, folder, level, sizeHintBytes: sizeHint(server) })
    begun.unshift(`${folder}${DUMP_NAME}`)
    const contents = dump.contents()
    const manifest = buildManifest({
      backup,
      server,
      program,
      level,
      startedAt,
      finishedAt: now(),
      digest: options.digest ?? true,
      contents,
      stored,
      warnings: dump.warnings,
    })
    options.onProgress?.({ phase: 'publish', rawBytes: contents.bytes, storedBytes: stored.size })
    const manifestKey = `${folder}${MANIFEST_NAME}`
    begun.unshift(manifestKey)
    if (!(await publishManifest(store, manifestKey, manifest, signal))) {
      // What lies there is another's, and so may be what we took for our own: leave it alone.
      begun.length = 0
      throw collision(manifestKey)
    }
    const durationMs = now().getTime() - startedAt.getTime()
    options.logger?.info({ ...backup, durationMs, storedBytes: stored.size }, 'the backup is published')
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

interface StoreDumpOptions extends CreateBackupOptions {
  readonly folder: string
  readonly level: number
  readonly sizeHintBytes: number
}

async function storeDump(dump: RunningDump, options: StoreDumpOptions): Promise<PutResult> {
  const { store, folder, level, sizeHintBytes, signal, onProgress } = options
  const key = `${folder}${DUMP_NAME}`
  let storedBytes = 0
  const report = (): void => {
    const { bytes, ...rest } = dump.progress
    onProgress?.({ phase: 'dump', rawBytes: bytes, storedBytes, ...rest })
  }
  const timer = setInterval(report, PROGRESS_INTERVAL_MS)
  try {
    return await store.put(key, compressionStream(dump.bytes, level), {
      sizeHintBytes,
      contentType: 'application/zstd',
      signal,
      onProgress: (bytes) => {
        storedBytes = bytes
      },
    })
  } catch (error) {
    await dump.stop()
    throw toBackupError(error, { doing: `storing ${key}`, key, signal })
  } finally {
    clearInterval(timer)
    report()
  }
}

const PROGRESS_INTERVAL_MS = 100

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

function checkLevel(level: number): number {
  if (Number.isInteger(level) && level >= 1 && level <= 19) return level
  throw new BackupError(
    'BACKUP_BAD_OPTIONS',
    `compressionLevel is ${level}; it must be a whole number from 1 to 19`,
  )
}
