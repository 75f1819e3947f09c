import { createReadStream } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { resolveRange } from './byte-range.ts'
import { checkedStream } from './checked-stream.ts'
import { fileError, isSystemError } from './file-error.ts'
import { badKey, findParent, keySegments } from './file-path.ts'
import type { Root } from './file-path.ts'
import { ObjectStoreError } from './object-store-error.ts'
import type { GetOptions, ObjectInfo } from './object-store.ts'

/** Where the object's file is, and what it is; `undefined` when no such file exists. */
async function findFile(root: Root, key: string): Promise<{ path: string; info: ObjectInfo } | undefined> {
  const segments = keySegments(root, key)
  const parent = await findParent(root, segments)
  if (parent === undefined) return undefined
  const path = join(parent, segments.at(-1) ?? '')
  try {
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) throw badKey(root, key, 'it is a symbolic link')
    return stats.isFile() ? { path, info: { key, size: stats.size, lastModified: stats.mtime } } : undefined
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export async function headFile(root: Root, key: string): Promise<ObjectInfo | undefined> {
  return (await findFile(root, key))?.info
}

/** The bytes of a file as they were when it was opened: a put that replaces it meanwhile changes nothing. */
export async function getFile(root: Root, key: string, { range, signal }: GetOptions): Promise<Readable> {
  signal?.throwIfAborted()
  const found = await findFile(root, key)
  if (found === undefined) {
    throw new ObjectStoreError('STORE_NOT_FOUND', `${JSON.stringify(key)} is not in ${root.url}`, {
      details: { url: root.url, key },
    })
  }
  const handle = await open(found.path, 'r')
  try {
    return await streamFile(root, key, handle, { range, signal })
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function streamFile(
  { url }: Root,
  key: string,
  handle: FileHandle,
  { range, signal }: GetOptions,
): Promise<Readable> {
  const { size } = await handle.stat()
  const bytes = range === undefined ? { start: 0, end: size - 1 } : resolveRange(range, size, url, key)
  if (size === 0) await handle.close()
  // `createReadStream` has no way to say "no bytes at all"
  const source =
    size === 0 ? Readable.from([]) : createReadStream('', { fd: handle, ...bytes, highWaterMark: 256 * 1024 })
  return checkedStream(source, {
    expectedBytes: bytes.end - bytes.start + 1,
    signal,
    details: { url, key },
    mapError: (error) => fileError(error, { url, key, doing: 'get' }),
  })
}
