import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from './file-error.ts'
import { realRoot } from './file-path.ts'
import type { Root } from './file-path.ts'
import { keyProblem } from './object-key.ts'

export interface FoundFile {
  readonly key: string
  readonly size: number
  readonly lastModified: Date
}

interface Entry {
  readonly name: string
  readonly isFolder: boolean
  /** What orders it among its siblings as its keys are ordered: a folder's keys go on with a slash. */
  readonly order: Buffer
}

/**
 * Files whose key begins with `prefix`, in ascending order of the key's UTF-8 bytes, holding one
 * folder's names per level in memory. Symbolic links and special files are not objects.
 */
export async function* walkFiles(
  root: Root,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<FoundFile, void, void> {
  yield* walkFolder(await realRoot(root), '', prefix, signal)
}

async function* walkFolder(
  folder: string,
  folderKey: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<FoundFile, void, void> {
  for (const { name, isFolder } of await readEntries(folder)) {
    signal?.throwIfAborted()
    const key = folderKey + name
    if (isFolder) {
      const below = `${key}/`
      if (below.startsWith(prefix) || prefix.startsWith(below)) {
        yield* walkFolder(join(folder, name), below, prefix, signal)
      }
    } else if (key.startsWith(prefix) && keyProblem(key) === undefined) {
      const stats = await lstat(join(folder, name)).catch(ignoreGone)
      if (stats?.isFile()) yield { key, size: stats.size, lastModified: stats.mtime }
    }
  }
}

async function readEntries(folder: string): Promise<Entry[]> {
  const entries = (await readdir(folder, { withFileTypes: true }).catch(ignoreGone)) ?? []
  return entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
      order: Buffer.from(entry.isDirectory() ? `${entry.name}/` : entry.name),
    }))
    .toSorted((a, b) => Buffer.compare(a.order, b.order))
}

/** What another process deleted while the walk went on is not there. */
function ignoreGone(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
  throw error
}
