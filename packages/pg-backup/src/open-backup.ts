import { createHash, type Hash } from 'node:crypto'
import { Readable, Transform, pipeline } from 'node:stream'
import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import { backupFolder } from './backup-set.ts'
import { decompressionStream } from './compression.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import { toBackupError } from './store-failure.ts'

export interface OpenBackupOptions {
  readonly store: ObjectStore
  readonly manifest: Manifest
  readonly signal?: AbortSignal
}

/**
 * The plain archive of a backup, as `pg_restore` reads it, decompressed. Size and SHA-256 of the
 * stored bytes are compared with the manifest as they pass, so the stream fails at its end with
 * `BACKUP_OBJECT_DAMAGED` when they differ; to know before the first byte is used, call
 * {@link checkBackup} first.
 */
export async function openBackup(options: OpenBackupOptions): Promise<Readable> {
  const object = dumpObject(options.manifest)
  const stored = await openObject(options, object)
  const plain = decompressionStream(stored)
  return Readable.from(expectLength(plain, object, options), { objectMode: false })
}

/** The archive among a manifest's objects. */
export function dumpObject(manifest: Manifest): ManifestObject {
  const object = manifest.objects.find((each) => each.role === 'dump')
  if (object !== undefined) return object
  throw new BackupError(
    'BACKUP_MANIFEST_INVALID',
    `the manifest of ${manifest.id} names no object with the role "dump"`,
  )
}

/** An object's stored bytes; the stream fails when they are not the ones that the manifest describes. */
export async function openObject(options: OpenBackupOptions, object: ManifestObject): Promise<Readable> {
  const { store, manifest, signal } = options
  const key = `${backupFolder(manifest)}${object.name}`
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
  options: OpenBackupOptions,
): AsyncGenerator<Buffer> {
  const key = `${backupFolder(options.manifest)}${object.name}`
  let size = 0
  try {
    for await (const chunk of plain) {
      size += (chunk as Buffer).length
      if (size > object.rawBytes) break
      yield chunk as Buffer
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('ZSTD_') === true)
      throw damaged(key, 'it is not whole zstd data', error)
    throw toBackupError(error, { doing: `reading ${key}`, key, isRead: true, signal: options.signal })
  }
  if (size !== object.rawBytes)
    throw damaged(key, `it does not decompress to the ${object.rawBytes} bytes that were dumped`)
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
