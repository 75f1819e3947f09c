import { tmpdir } from 'node:os'
import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupFolder, MANIFEST_NAME, newBackupId, type BackupRef } from './backup-set.ts'
import { buildManifest } from './build-manifest.ts'
import { cleanUpAfterDeadRuns } from './clean-up.ts'
import { resolveCompression, type BackupCompression } from './compression.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import { dumpDatabase } from './dump-database.ts'
import { checkEncryption, type BackupEncryption } from './encryption.ts'
import { withHooks, type BackupHooks } from './hooks.ts'
import {
  acquireLease,
  backupLease,
  noLease,
  type Lease,
  type LeaseHolder,
  type LeaseOptions,
} from './lease.ts'
import type { Logger } from './logger.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import type { ObjectEncoding } from './object-encoding.ts'
import { findPostgresProgram, type PostgresProgram } from './postgres-program.ts'
import { publishManifest } from './publish-manifest.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { withRetries, type RetryOptions, type RetryProgress } from './retry.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'
import { toBackupError } from './store-failure.ts'
import { storeDirectory } from './store-directory.ts'
import { storeGlobals } from './store-globals.ts'
import { storeStream } from './store-stream.ts'
import type { DumpTarget } from './stored-dump.ts'
import { refuseTransactionPooling } from './transaction-pooling.ts'
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
  /** Another run for the same database is waited for; again and again. */
  | { readonly phase: 'wait'; readonly holder: LeaseHolder }
  | RetryProgress

/** Options of {@link createBackup}. */
export interface CreateBackupOptions {
  /** Where the backup goes. */
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
  /**
   * Tables that are dumped at a time. With more than 1 the backup is in directory layout, one object
   * for each table, on its way through a staging folder. @default 1
   */
  readonly jobs?: number
  /** Where the staging folder of a backup with several jobs is made. @default the system's temporary folder */
  readonly stagingFolder?: string
  /** How many bytes may lie in staging. `pg_dump` is seen to some 20 ms later: leave room for what it writes in that time. @default 17179869184 (16 GiB) */
  readonly stagingMaxBytes?: number
  /**
   * What happens when staging has that many bytes: `wait` stops `pg_dump` until some are stored, `fail`
   * gives up with `BACKUP_STAGING_FULL`. So does `wait` when the tables that are under way do not fit.
   * @default 'wait'
   */
  readonly whenStagingIsFull?: 'wait' | 'fail'
  /** Count and digest every row on the way; without it a drill can prove nothing about rows. @default true */
  readonly digest?: boolean
  /**
   * Runs for one database take turns by a lease in the store; `false` lets them run side by side. A
   * store that cannot hold a lease goes without, unless options are given here: then it is refused.
   */
  readonly lease?: LeaseOptions | false
  /** What to do when the whole backup fails for a reason that may pass. @default one attempt */
  readonly retry?: RetryOptions
  /** No more bytes than that are read from the server, before compression. @default unlimited */
  readonly rateLimitBytesPerSecond?: number
  /** How long the dump may wait for the lock on a table before it fails with `BACKUP_LOCK_TIMEOUT`. @default `stallTimeoutMs` */
  readonly lockTimeoutMs?: number
  /** How long the server may send nothing before the dump fails with `BACKUP_DUMP_STALLED`. @default 900000 */
  readonly stallTimeoutMs?: number
  /** What a dead run left is removed when it is older than that. @default 24 */
  readonly graceHours?: number
  /** Told how far it is. */
  readonly onProgress?: (progress: BackupProgress) => void
  /** Told how it went: callbacks, a `webhookNotifier`, the metrics of `@ops/pg-backup/prometheus`. */
  readonly hooks?: readonly BackupHooks[]
  /** How long a hook may take before it is warned about and left alone. @default 60_000 */
  readonly hookTimeoutMs?: number
  /** @default silent */
  readonly logger?: Logger
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
  /** @default () => new Date() */
  readonly now?: () => Date
}

/** A backup that exists. */
export interface BackupResult extends BackupRef {
  readonly store: string
  readonly manifestKey: string
  readonly manifest: Manifest
  readonly durationMs: number
  /** Whether other runs for the database were kept out; false where the store cannot tell two writers apart. */
  readonly leased: boolean
  /** What dead runs had left in the store and in staging, and is gone now. */
  readonly removedLeftovers: readonly string[]
}

/**
 * Backs one database up: `pg_dump` → archive reader (counts and digests every row) → zstd → store.
 * The backup exists when its manifest does, and the manifest is put last, after `pg_dump` ended well,
 * the archive was read to its end and the store confirmed size and checksum. Whatever fails before,
 * everything that was stored is removed again; what could not be is named in `details.leftBehind`.
 *
 * Rejects with {@link BackupError} or, when aborted, with `signal.reason`.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { s3Store } from '@ops/object-store'
 * import { createBackup } from '@ops/pg-backup'
 *
 * const client = new S3Client({ region: 'eu-central-1' })
 * const { id, manifest, durationMs } = await createBackup({
 *   connection: { host: 'db.example.com', user: 'backup', database: 'app' },
 *   store: s3Store({ client, bucket: 'backups' }),
 *   cluster: 'production',
 * })
 * console.log(`${id}: ${manifest.tables.length} tables in ${durationMs} ms`)
 * client.destroy()
 * ```
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupResult> {
  return createPacedBackup(options, rateLimitOf(options))
}

/** {@link createBackup}, by a rate limit that others may share. */
export async function createPacedBackup(
  options: CreateBackupOptions,
  rateLimit: RateLimit | undefined,
): Promise<BackupResult> {
  const { signal, retry } = options
  const onRetry = (progress: RetryProgress): void => {
    options.logger?.warn({ ...progress }, `attempt ${progress.attempt} failed: ${progress.message}`)
    options.onProgress?.(progress)
  }
  return withHooks(options, () => {
    checkOptions(options)
    return withRetries({ ...retry, signal, onRetry }, () => attemptBackup(options, rateLimit))
  })
}

export function rateLimitOf({ rateLimitBytesPerSecond }: CreateBackupOptions): RateLimit | undefined {
  return rateLimitBytesPerSecond === undefined ? undefined : createRateLimit(rateLimitBytesPerSecond)
}

async function attemptBackup(
  options: CreateBackupOptions,
  rateLimit: RateLimit | undefined,
): Promise<BackupResult> {
  const { store, connection = {}, env = process.env, now = () => new Date() } = options
  const { lockTimeoutMs, stallTimeoutMs, jobs = 1 } = options
  const encoding = resolveEncoding(options)
  const startedAt = now()
  // By a clock that does not jump, so that a backup never ends before it began.
  const begunAt = performance.now()
  const elapsedMs = (): number => Math.round(performance.now() - begunAt)

  options.onProgress?.({ phase: 'connect' })
  const { server, program, canLease } = await lookAround(options)
  const backup: BackupRef = {
    cluster: options.cluster ?? 'main',
    database: server.database,
    id: newBackupId(startedAt),
  }
  const folder = backupFolder(backup)
  await using lease = await takeLease(options, backup, now, canLease)
  const { signal } = lease
  await using cleaning = lease.isHeld ? startCleanUp(options, backup, now, signal) : noCleanUp
  options.logger?.info(
    { ...backup, pgDump: program.version },
    `backing up ${describeConnection(connection, env)}`,
  )

  /** What is in the store by now, or may be, the latest first. A put that fails removes its own. */
  const begun: string[] = []
  try {
    const { digest, onProgress } = options
    const pace = { rateLimit, lockTimeoutMs, stallTimeoutMs }
    const asDumped = { connection, env, program, server, digest, signal, ...pace }
    const target: DumpTarget = { store, folder, encoding, onStored: (key) => begun.unshift(key), signal }
    const globals = options.globals === true ? await takeGlobals(options, server, target) : undefined
    const dump =
      jobs > 1
        ? await storeDirectory(asDumped, target, { ...options, backup, jobs })
        : await storeStream(dumpDatabase(asDumped), target, { sizeHintBytes: sizeHint(server), onProgress })
    const manifest = buildManifest({
      backup,
      server,
      program,
      encoding,
      startedAt,
      finishedAt: new Date(startedAt.getTime() + elapsedMs()),
      digest: digest ?? true,
      dump,
      globals,
    })
    const { rawBytes, storedBytes } = totals(manifest)
    options.onProgress?.({ phase: 'publish', rawBytes, storedBytes })
    const manifestKey = `${folder}${MANIFEST_NAME}`
    const removedLeftovers = await cleaning.removed
    await lease.confirm()
    begun.unshift(manifestKey)
    if (!(await publishManifest(store, manifestKey, manifest, signal))) {
      // What lies there is another's, and so may be what we took for our own: leave it alone.
      begun.length = 0
      throw collision(manifestKey)
    }
    const durationMs = elapsedMs()
    options.logger?.info({ ...backup, durationMs, storedBytes }, 'the backup is published')
    const { isHeld: leased } = lease
    return { ...backup, store: store.url, manifestKey, manifest, durationMs, leased, removedLeftovers }
  } catch (error) {
    throw await withdrawBackup(store, begun, error, options.logger)
  }
}

interface Surroundings {
  readonly server: ServerFacts
  readonly program: PostgresProgram
  /** Whether the store can put an object only if it is absent. */
  readonly canLease: boolean
}

/**
 * Asks the server what it is and, meanwhile, tries the store: what it can do is found out by writing a
 * small object and removing it, so that one that cannot be written to is found before the dump begins.
 */
async function lookAround(options: CreateBackupOptions): Promise<Surroundings> {
  const { store, connection = {}, env = process.env, stallTimeoutMs: timeoutMs } = options
  const end = new AbortController()
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
  const capabilities = store.capabilities({ signal })
  capabilities.catch(() => undefined)
  try {
    const asked = { connection, env, timeoutMs, signal: options.signal }
    await refuseTransactionPooling(asked)
    const server = await readServerFacts(asked)
    const program = await findPostgresProgram('pg_dump', {
      env: connectionEnvironment(connection, env),
      signal: options.signal,
      serverMajor: server.major,
    })
    const { putIfAbsent: canLease } = await capabilities.catch((error: unknown) => {
      throw toBackupError(error, { doing: 'it was tried', key: store.url, signal: options.signal })
    })
    return { server, program, canLease }
  } finally {
    end.abort()
  }
}

/** Takes the database's turn. */
async function takeLease(
  options: CreateBackupOptions,
  backup: BackupRef,
  now: () => Date,
  canLease: boolean,
): Promise<Lease> {
  const { store, signal, logger, lease, onProgress } = options
  if (lease === false) return noLease(signal)
  if (canLease) {
    const onWait = (holder: LeaseHolder): void => onProgress?.({ phase: 'wait', holder })
    return acquireLease({ ...lease, store, subject: backupLease(backup), now, signal, logger, onWait })
  }
  if (lease !== undefined) {
    throw new BackupError(
      'BACKUP_BAD_OPTIONS',
      `${store.url} cannot hold a lease: it does not know conditional puts, so two runs cannot be told apart; use another store, or ask for none`,
    )
  }
  logger?.info({ ...backup }, 'the store cannot hold a lease: nothing keeps two runs apart')
  return noLease(signal)
}

const DEFAULT_GRACE_HOURS = 24

interface CleanUp extends AsyncDisposable {
  readonly removed: Promise<readonly string[]>
}

const noCleanUp: CleanUp = { removed: Promise.resolve([]), [Symbol.asyncDispose]: async () => undefined }

/** Goes on beside the dump; disposing of it ends it. */
function startCleanUp(
  { store, logger, stagingFolder, graceHours = DEFAULT_GRACE_HOURS }: CreateBackupOptions,
  backup: BackupRef,
  now: () => Date,
  signal: AbortSignal | undefined,
): CleanUp {
  const graceMs = graceHours * 3_600_000
  const stagingRoot = stagingFolder ?? tmpdir()
  const end = new AbortController()
  const removed = cleanUpAfterDeadRuns({
    store,
    backup,
    graceMs,
    now: now(),
    stagingRoot,
    signal: signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
    logger,
  })
  const ended = removed.then(
    () => undefined,
    () => undefined,
  )
  return {
    removed,
    [Symbol.asyncDispose]: () => {
      end.abort()
      return ended
    },
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

function checkOptions(options: CreateBackupOptions): void {
  resolveEncoding(options)
  const { rateLimitBytesPerSecond, lockTimeoutMs, stallTimeoutMs, graceHours } = options
  const { jobs, stagingMaxBytes } = options
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1))
    throw badOption('jobs', jobs, 'a whole number of at least 1')
  const attempts = options.retry?.attempts
  if (attempts !== undefined && !(Number.isInteger(attempts) && attempts >= 1))
    throw badOption('retry.attempts', attempts, 'a whole number of at least 1')
  const { ttlMs, waitMs } = options.lease === false ? {} : (options.lease ?? {})
  for (const [name, value] of Object.entries({
    rateLimitBytesPerSecond,
    lockTimeoutMs,
    stallTimeoutMs,
    stagingMaxBytes,
    'lease.ttlMs': ttlMs,
  }))
    if (value !== undefined && !(value > 0)) throw badOption(name, value, 'more than 0')
  const { delayMs, maxDelayMs } = options.retry ?? {}
  for (const [name, value] of Object.entries({
    graceHours,
    'lease.waitMs': waitMs,
    'retry.delayMs': delayMs,
    'retry.maxDelayMs': maxDelayMs,
  }))
    if (value !== undefined && !(value >= 0)) throw badOption(name, value, '0 or more')
}

function badOption(name: string, value: number, expected: string): BackupError {
  return new BackupError('BACKUP_BAD_OPTIONS', `${name} is ${value}; it must be ${expected}`)
}
