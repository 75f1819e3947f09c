import type { BackupProgress } from './create-backup.ts'
import type { RunningDump } from './dump-database.ts'
import { encodeObject, encodingContentType, encodingSuffix } from './object-encoding.ts'
import { toBackupError } from './store-failure.ts'
import { progressOf, reporting, type DumpTarget, type StoredDump } from './stored-dump.ts'

export interface StreamOptions {
  readonly sizeHintBytes: number
  readonly onProgress?: (progress: BackupProgress) => void
}

/** Stores a dump in custom format as one object, `dump.pgc…`, as it comes. */
export async function storeStream(
  dump: RunningDump,
  target: DumpTarget,
  { sizeHintBytes, onProgress }: StreamOptions,
): Promise<StoredDump> {
  const { store, folder, encoding, signal } = target
  const name = `dump.pgc${encodingSuffix(encoding)}`
  const key = `${folder}${name}`
  let storedBytes = 0
  const current = (): ReturnType<typeof progressOf> => progressOf(dump.progress, storedBytes)
  const stored = await reporting(onProgress, current, async () => {
    try {
      return await store.put(key, encodeObject(dump.bytes, encoding), {
        sizeHintBytes,
        contentType: encodingContentType(encoding),
        signal,
        onProgress: (bytes) => {
          storedBytes = bytes
        },
      })
    } catch (error) {
      await dump.stop()
      throw toBackupError(error, { doing: `storing ${key}`, key, signal })
    }
  })
  target.onStored(key)
  const contents = dump.contents()
  const { size, sha256, partSizeBytes } = stored
  const object = { name, role: 'dump', storedBytes: size, rawBytes: contents.bytes, sha256, partSizeBytes }
  return { layout: 'custom', objects: [object], contents, warnings: dump.warnings }
}
