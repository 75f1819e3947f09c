import { lstat, mkdir, open, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isSystemError } from './file-error.ts'
import { parseTempName } from './file-temp.ts'
import { checkKey } from './object-key.ts'
import { ObjectStoreError } from './object-store-error.ts'

export interface Root {
  readonly folder: string
  readonly url: string
}

export function badKey({ url }: Root, key: string, problem: string): ObjectStoreError {
  return new ObjectStoreError(
    'STORE_BAD_KEY',
    `${JSON.stringify(key)} cannot be a key in ${url}: ${problem}`,
    {
      details: { url, key },
    },
  )
}

/** The segments of a key that may name an object in a folder. */
export function keySegments(root: Root, key: string): readonly string[] {
  checkKey(key, root.url)
  const segments = key.split('/')
  if (parseTempName(segments.at(-1) ?? '') !== undefined)
    throw badKey(root, key, 'it is named like an unfinished upload')
  return segments
}

/** The real path of the root; a root that is missing, say because nothing is mounted, is never made. */
export async function realRoot({ folder, url }: Root): Promise<string> {
  try {
    const real = await realpath(folder)
    if ((await lstat(real)).isDirectory()) return real
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
  }
  throw new ObjectStoreError(
    'STORE_NO_BUCKET',
    `there is no folder at ${url}; make it, or mount what should be there`,
    {
      details: { url },
    },
  )
}

/**
 * The folder that holds `segments`, provided that no symbolic link leads there: what is inside the
 * root by name is then inside it in fact. `undefined` when the folder does not exist.
 */
export async function findParent(
  root: Root,
  segments: readonly string[],
  key: string = segments.join('/'),
): Promise<string | undefined> {
  const expected = join(await realRoot(root), ...segments.slice(0, -1))
  try {
    if ((await realpath(expected)) === expected) return expected
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
    // what is missing may still be missing behind a link
    await findParent(root, segments.slice(0, -1), key)
    return undefined
  }
  throw badKey(root, key, 'a symbolic link is in its path')
}

/** The same, making what is missing, durably. */
export async function makeParent(root: Root, segments: readonly string[]): Promise<string> {
  let folder = await realRoot(root)
  for (const segment of segments.slice(0, -1)) {
    folder = join(folder, segment)
    const isNew = await mkdir(folder, { mode: 0o750 }).then(
      () => true,
      (error: unknown) => {
        if (isSystemError(error, 'EEXIST')) return false
        throw error
      },
    )
    if (isNew) await syncFolder(dirname(folder))
    else await requireFolder(root, segments, folder)
  }
  return folder
}

async function requireFolder(root: Root, segments: readonly string[], folder: string): Promise<void> {
  const stats = await lstat(folder)
  if (stats.isSymbolicLink()) throw badKey(root, segments.join('/'), 'a symbolic link is in its path')
  if (!stats.isDirectory()) throw badKey(root, segments.join('/'), `${JSON.stringify(folder)} is a file`)
}

/** Makes names in a folder durable. Some network file systems cannot, and keep names durable themselves. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'ENOSYS')) throw error
  } finally {
    await handle.close()
  }
}
