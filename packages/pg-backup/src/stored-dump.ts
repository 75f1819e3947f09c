import type { ObjectStore } from '@ops/object-store'
import type { ArchiveContents } from './archive/index.ts'
import type { BackupProgress } from './create-backup.ts'
import type { RunningDump } from './dump-database.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import type { ObjectEncoding } from './object-encoding.ts'

/** Where the objects of a backup go, and how. */
export interface DumpTarget {
  readonly store: ObjectStore
  /** The key of the backup's folder. */
  readonly folder: string
  readonly encoding: ObjectEncoding
  /** Called with the key of each object that is in the store, so that it can be taken back. */
  readonly onStored: (key: string) => void
  readonly signal?: AbortSignal
}

/** A dump whose objects are all in the store; what its layout makes of it. */
export interface StoredDump {
  readonly layout: Manifest['layout']
  readonly objects: readonly ManifestObject[]
  readonly contents: ArchiveContents
  readonly warnings: readonly string[]
}

type DumpProgress = Omit<Extract<BackupProgress, { phase: 'dump' }>, 'phase'>

const PROGRESS_INTERVAL_MS = 100

/** Reports how a dump gets on while `work` goes on, and once more at its end. */
export async function reporting<T>(
  onProgress: ((progress: BackupProgress) => void) | undefined,
  current: () => DumpProgress,
  work: () => Promise<T>,
): Promise<T> {
  const report = (): void => onProgress?.({ phase: 'dump', ...current() })
  const timer = setInterval(report, PROGRESS_INTERVAL_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    report()
  }
}

export function progressOf({ bytes, ...rest }: RunningDump['progress'], storedBytes: number): DumpProgress {
  return { rawBytes: bytes, storedBytes, ...rest }
}
