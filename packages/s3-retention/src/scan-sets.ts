import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { NOTE_NAME } from './deletion-note.ts'
import { judgeSet } from './judge-set.ts'
import type { RetentionItem, StoredObject } from './retention-item.ts'
import { nothingFound } from './scan-objects.ts'
import type { Scan, ScanProgress } from './scan.ts'
import { MANIFEST_NAME, sortIntoSets, VERIFICATION_NAME, type SetFolder } from './set-folder.ts'
import { toRetentionError } from './store-failure.ts'

/** Options of {@link scanSets}. */
export interface ScanSetsOptions {
  /** Where to look. */
  readonly store: ObjectStore
  /** Only keys that begin with this. @default '' */
  readonly prefix?: string
  /** Manifests read at a time. @default 8 */
  readonly concurrency?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Told how far it is. */
  readonly onProgress?: (progress: ScanProgress) => void
}

/** A manifest larger than this is not read, and its set not good; 100,000 tables make one of about 50 MB. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024

/**
 * Lists backup sets and judges each: folders named by a backup id, or with a `manifest.json` in
 * them. The group is the folder above: one cluster's backups of one kind and database.
 * Rejects with `RETENTION_NOTHING_FOUND`, `RETENTION_STORE_FAILED`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { scanSets } from '@ops/s3-retention'
 *
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }), prefix: 'main/' })
 * for (const { group, id, time } of items) console.log(group, id, time)
 * ```
 */
export async function scanSets(options: ScanSetsOptions): Promise<Scan> {
  const { store, prefix = '', concurrency = 8, signal, onProgress } = options
  try {
    const objects: StoredObject[] = []
    for await (const { key, size, lastModified } of store.list({ prefix, signal })) {
      objects.push({ key, size, lastModified: lastModified.toISOString() })
      if (objects.length % 1000 === 0) onProgress?.({ phase: 'listing', objects: objects.length })
    }
    const { sets, strays } = sortIntoSets(objects)
    if (sets.length === 0) throw nothingFound(store, prefix, strays.length)
    const items = await readSets(sets, { store, concurrency, signal, onProgress })
    return {
      items,
      ignored: { objects: strays.length, bytes: strays.reduce((sum, { size }) => sum + size, 0) },
    }
  } catch (error) {
    throw toRetentionError(error, `looking through ${store.url}/${prefix}`, signal)
  }
}

/** Reads the manifests, a few at a time; items come in the order of the sets. */
async function readSets(
  sets: readonly SetFolder[],
  options: Pick<ScanSetsOptions, 'store' | 'signal' | 'onProgress'> & { concurrency: number },
): Promise<RetentionItem[]> {
  const { store, concurrency, signal, onProgress } = options
  const items: RetentionItem[] = []
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    while (next < sets.length) {
      signal?.throwIfAborted()
      const index = next
      next += 1
      items[index] = await readSet(sets[index]!, store, signal)
      done += 1
      onProgress?.({ phase: 'reading', manifests: done, total: sets.length })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return items
}

async function readSet(
  set: SetFolder,
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<RetentionItem> {
  const read = async (name: string): Promise<string | undefined> => {
    const object = set.objects.find(({ key }) => key === `${set.folder}/${name}`)
    return object === undefined ? undefined : await readText(object, store, signal)
  }
  const manifest = await read(MANIFEST_NAME)
  return manifest === undefined
    ? judgeSet(set, { note: await read(NOTE_NAME) })
    : judgeSet(set, { manifest, verification: await read(VERIFICATION_NAME) })
}

/** The text of a small file; empty, and so invalid, when it is absurdly large or went away meanwhile. */
async function readText(
  object: StoredObject,
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (object.size > MAX_TEXT_BYTES) return ''
  try {
    const chunks: Buffer[] = []
    for await (const chunk of await store.get(object.key, { signal })) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    if (isObjectStoreError(error) && error.code === 'STORE_NOT_FOUND') return ''
    throw error
  }
}
