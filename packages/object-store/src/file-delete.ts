import { rmdir, unlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileError, isSystemError } from './file-error.ts'
import { findParent, keySegments, realRoot, syncFolder } from './file-path.ts'
import type { Root } from './file-path.ts'
import { isObjectStoreError } from './object-store-error.ts'
import type { DeleteResult } from './object-store.ts'

/**
 * Deletes files and then the folders that became empty. Each folder is synced, so that what was
 * deleted by one call stays deleted when the machine stops during the next.
 */
export async function deleteFiles(
  root: Root,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteResult[]> {
  const results: DeleteResult[] = []
  const touched = new Set<string>()
  for (const key of keys) {
    signal?.throwIfAborted()
    results.push(await deleteFile(root, key, touched))
  }
  for (const folder of touched) await syncFolder(folder).catch(ignoreGone)
  if (touched.size > 0) await pruneEmpty(await realRoot(root), touched)
  return results
}

async function deleteFile(root: Root, key: string, touched: Set<string>): Promise<DeleteResult> {
  try {
    const segments = keySegments(root, key)
    const parent = await findParent(root, segments)
    if (parent !== undefined) {
      await unlink(join(parent, segments.at(-1) ?? '')).catch(ignoreGone)
      touched.add(parent)
    }
    return { key, deleted: true }
  } catch (error) {
    const failure = fileError(error, { url: root.url, key, doing: 'delete' })
    return {
      key,
      deleted: false,
      code: isObjectStoreError(failure) ? failure.code : 'STORE_FAILED',
      message: failure.message,
    }
  }
}

async function pruneEmpty(root: string, folders: Iterable<string>): Promise<void> {
  for (const folder of folders) {
    let candidate = folder
    while (relative(root, candidate) !== '' && (await removeEmpty(candidate))) candidate = dirname(candidate)
  }
}

/** A folder that still holds something, or may not be removed, stays; that is no failure of the delete. */
async function removeEmpty(folder: string): Promise<boolean> {
  return await rmdir(folder).then(
    () => true,
    (error: unknown) => isSystemError(error, 'ENOENT'),
  )
}

function ignoreGone(error: unknown): void {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
