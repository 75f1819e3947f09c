import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openObject, type StoredBackup } from './open-backup.ts'

/** Options of {@link checkBackup}. */
export interface CheckBackupOptions extends StoredBackup {
  /** Called with the bytes read so far, of all objects together. */
  readonly onProgress?: (progress: {
    readonly phase: 'check'
    readonly bytes: number
    readonly total: number
  }) => void
}

/**
 * Reads every object of a backup and compares its size and SHA-256 with the manifest, without
 * restoring anything. Rejects with `BACKUP_OBJECT_DAMAGED` at the first difference.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { checkBackup, findBackup, readManifest } from '@ops/pg-backup'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const { objects, bytes } = await checkBackup({ store, manifest: await readManifest({ store, backup }) })
 * console.log(`${objects} objects of ${bytes} bytes are as they were stored`)
 * ```
 */
export async function checkBackup(options: CheckBackupOptions): Promise<{ objects: number; bytes: number }> {
  const { signal } = options
  const { objects } = options.manifest
  const total = objects.reduce((sum, object) => sum + object.storedBytes, 0)
  let bytes = 0
  const sink = (): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        options.onProgress?.({ phase: 'check', bytes, total })
        done()
      },
    })
  for (const object of objects) {
    await pipeline(await openObject(options, object), sink(), { signal }).catch((error: unknown) => {
      throw signal?.aborted === true ? signal.reason : error
    })
  }
  return { objects: objects.length, bytes }
}
