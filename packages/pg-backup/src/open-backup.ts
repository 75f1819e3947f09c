import { createHash, type Hash } from 'node:crypto'
import { Transform, pipeline, type Readable } from 'node:stream'
import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupFolder } from './backup-set.ts'
import { DecryptionError } from './age-payload.ts'
import { isDecompressionError } from './compression.ts'
import { createUnlocker, type BackupKeys, type Unlocker } from './encryption.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import { decodeObject } from './object-encoding.ts'
import { toBackupError } from './store-failure.ts'
import { streamOf } from './stream-of.ts'

/** The stored objects of one backup. */
export interface StoredBackup {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** What the backup holds, from `readManifest`. */
  readonly manifest: Manifest
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** Options of {@link openBackup} and {@link openTableOfContents}. */
export interface OpenBackupOptions extends StoredBackup, BackupKeys {}

/**
 * The plain archive of a backup, as `pg_restore` reads it, decrypted and decompressed. Size and SHA-256
 * of the stored bytes are compared with the manifest as they pass, so the stream fails at its end with
 * `BACKUP_OBJECT_DAMAGED` when they differ; to know before the first byte is used, call
 * {@link checkBackup} first. A backup in directory layout is many files and no stream: it is refused
 * with `BACKUP_LAYOUT_UNSUPPORTED`.
 *
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs'
 * import { pipeline } from 'node:stream/promises'
 * import { fileStore } from '@ops/object-store'
 * import { findBackup, openBackup, readManifest } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const archive = await openBackup({ store, manifest: await readManifest({ store, backup }) })
 * await pipeline(archive, createWriteStream('app.dump')) // for pg_restore
 * ```
 */
export async function openBackup(options: OpenBackupOptions): Promise<Readable> {
  const { manifest } = options
  if (manifest.layout === 'directory') {
    throw new BackupError(
      'BACKUP_LAYOUT_UNSUPPORTED',
      `backup ${manifest.id} is in directory layout (it was taken with several jobs), which is ${manifest.objects.length} files and no single stream; restore it with restoreBackup or \`pg-backup restore\``,
    )
  }
  const unlocker = await unlockBackup(options)
  return openPlain(options, dumpObject(manifest), unlocker)
}

/**
 * The plain table of contents of a backup: of the custom layout the archive, which begins with it; of
 * the directory layout the file `toc.dat`. Rejects and fails as {@link openBackup} does.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup, openTableOfContents, readManifest } from '@ops/pg-backup'
 * import { createArchiveReader } from '@ops/pg-backup/archive'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const stream = await openTableOfContents({ store, manifest: await readManifest({ store, backup }) })
 * const reader = createArchiveReader({ digest: false })
 * for await (const chunk of stream) {
 *   reader.write(chunk as Uint8Array)
 *   if (reader.progress.tablesTotal !== undefined) break
 * }
 * console.log(`${reader.progress.tablesTotal} tables`)
 * ```
 */
export async function openTableOfContents(options: OpenBackupOptions): Promise<Readable> {
  const { manifest } = options
  if (manifest.layout === 'custom') return openBackup(options)
  const toc = manifest.objects.find(({ role }) => role === 'toc')
  if (toc !== undefined) return openPlain(options, toc, await unlockBackup(options))
  throw new BackupError(
    'BACKUP_MANIFEST_INVALID',
    `the manifest of ${manifest.id} names no object with the role "toc"`,
  )
}

/**
 * Tries the keys on a backup, and returns what opens its objects; `undefined` for one that is not
 * encrypted. Rejects with `BACKUP_KEY_MISSING` or `BACKUP_KEY_WRONG`.
 */
export async function unlockBackup(options: OpenBackupOptions): Promise<Unlocker | undefined> {
  const { manifest, signal } = options
  if (manifest.encryption === null) return undefined
  const what = `backup ${manifest.id} of "${manifest.database}"`
  const unlocker = createUnlocker(options, what, manifest.encryption.recipients)
  const [object] = manifest.objects
  const stored = await openObject(options, object!)
  try {
    await unlocker.tryKeys(stored)
  } catch (error) {
    throw readFailure(error, objectKey(options, object!), signal)
  } finally {
    stored.destroy()
  }
  return unlocker
}

/** An object's bytes as they were dumped; the stream fails when they are not the ones that the manifest describes. */
export async function openPlain(
  backup: StoredBackup,
  object: ManifestObject,
  unlocker: Unlocker | undefined,
): Promise<Readable> {
  const stored = await openObject(backup, object)
  const plain = decodeObject(stored, backup.manifest.compression, unlocker)
  return streamOf(expectLength(plain, object, backup))
}

/** The archive among the objects of a custom layout. */
export function dumpObject(manifest: Manifest): ManifestObject {
  const object = manifest.objects.find((each) => each.role === 'dump')
  if (object !== undefined) return object
  throw new BackupError(
    'BACKUP_MANIFEST_INVALID',
    `the manifest of ${manifest.id} names no object with the role "dump"`,
  )
}

function objectKey({ manifest }: StoredBackup, object: ManifestObject): string {
  return `${backupFolder(manifest)}${object.name}`
}

/** An object's stored bytes; the stream fails when they are not the ones that the manifest describes. */
export async function openObject(backup: StoredBackup, object: ManifestObject): Promise<Readable> {
  const { store, signal } = backup
  const key = objectKey(backup, object)
  try {
    const info = await store.head(key, { signal })
    if (info === undefined) throw damaged(key, 'it is missing')
    if (info.size !== object.storedBytes)
      throw damaged(key, `it has ${info.size} bytes instead of ${object.storedBytes}`)
    const source = await store.get(key, { signal })
    const checker = checksumChecker(key, object)
    pipeline(source, checker, () => undefined)
    return checker
  } catch (error) {
    throw toBackupError(error, { doing: `reading ${key}`, key, isRead: true, signal })
  }
}

/** Passes bytes through and fails at the end when they were not the ones expected. */
function checksumChecker(key: string, object: ManifestObject): Transform {
  const hash: Hash = createHash('sha256')
  let size = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      done(null, chunk)
    },
    flush(done) {
      if (size !== object.storedBytes)
        return done(damaged(key, `${size} bytes came instead of ${object.storedBytes}`))
      if (hash.digest('hex') !== object.sha256)
        return done(damaged(key, 'its SHA-256 is not the one in the manifest'))
      done()
    },
  })
}

async function* expectLength(
  plain: Readable,
  object: ManifestObject,
  backup: StoredBackup,
): AsyncGenerator<Buffer> {
  const key = objectKey(backup, object)
  let size = 0
  try {
    for await (const chunk of plain) {
      size += (chunk as Buffer).length
      if (size > object.rawBytes) break
      yield chunk as Buffer
    }
  } catch (error) {
    throw readFailure(error, key, backup.signal)
  }
  if (size !== object.rawBytes)
    throw damaged(key, `it does not decompress to the ${object.rawBytes} bytes that were dumped`)
}

function readFailure(error: unknown, key: string, signal: AbortSignal | undefined): unknown {
  if (isDecompressionError(error)) return damaged(key, 'its compressed data are not whole', error)
  if (error instanceof DecryptionError) return damaged(key, `it cannot be decrypted: ${error.message}`, error)
  return toBackupError(error, { doing: `reading ${key}`, key, isRead: true, signal })
}

function damaged(key: string, why: string, cause?: unknown): BackupError {
  return new BackupError(
    'BACKUP_OBJECT_DAMAGED',
    `the backup is damaged: ${key}: ${why}; use another backup`,
    {
      details: { key },
      cause,
    },
  )
}
