import { createHash } from 'node:crypto'
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { readBody } from './body.ts'
import type { Body } from './body.ts'
import { isSystemError } from './file-error.ts'
import { badKey, keySegments, makeParent, syncFolder } from './file-path.ts'
import type { Root } from './file-path.ts'
import { newUploadId, parseTempName, tempKey } from './file-temp.ts'
import { ObjectStoreError } from './object-store-error.ts'

interface WriteRequest {
  readonly root: Root
  readonly key: string
  readonly body: Body
  readonly signal: AbortSignal
  readonly now: () => number
  readonly onProgress?: (storedBytes: number) => void
  readonly onBodyError?: (error: unknown) => void
}

interface Written {
  readonly size: number
  readonly sha256: string
}

interface TempFile {
  readonly folder: string
  readonly tempPath: string
  readonly targetPath: string
  readonly handle: FileHandle
}

/** Writes a durable temp file beside the object to be, hands it to `publish`, and removes it if it is still there. */
async function writeTemp<T>(
  request: WriteRequest,
  publish: (temp: TempFile, written: Written) => Promise<T>,
): Promise<T> {
  const temp = await openTemp(request)
  try {
    const written = await writeAll(temp.handle, request)
    request.signal.throwIfAborted()
    return await publish(temp, written)
  } finally {
    await temp.handle.close()
    await unlink(temp.tempPath).catch(() => undefined)
  }
}

/** A folder that was just made may be pruned by a delete beside us, hence the second and third try. */
async function openTemp({ root, key, now }: WriteRequest): Promise<TempFile> {
  const segments = keySegments(root, key)
  const tempName = tempKey(segments.at(-1) ?? '', newUploadId(now()))
  for (let attempt = 1; ; attempt += 1) {
    const folder = await makeParent(root, segments)
    const tempPath = join(folder, tempName)
    try {
      const handle = await open(tempPath, 'wx', 0o640)
      return { folder, tempPath, targetPath: join(folder, segments.at(-1) ?? ''), handle }
    } catch (error) {
      if (attempt === 3 || !isSystemError(error, 'ENOENT')) throw error
    }
  }
}

async function writeAll(handle: FileHandle, request: WriteRequest): Promise<Written> {
  const { root, key, body, signal, onProgress, onBodyError } = request
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of readBody(body, signal, onBodyError)) {
    hash.update(chunk)
    for (let offset = 0; offset < chunk.length;) {
      offset += (await handle.write(chunk, offset)).bytesWritten
    }
    size += chunk.length
    onProgress?.(size)
  }
  await handle.sync()
  const stored = (await handle.stat()).size
  if (stored !== size) {
    throw new ObjectStoreError(
      'STORE_TRUNCATED',
      `${JSON.stringify(key)} in ${root.url} has ${stored} bytes on disk after ${size} were written; check the file system`,
      { details: { url: root.url, key } },
    )
  }
  return { size, sha256: hash.digest('hex') }
}

/** The object appears by a rename, which replaces what was there in one step. */
export async function publish(request: WriteRequest): Promise<Written> {
  return await writeTemp(request, async ({ tempPath, targetPath, folder }, written) => {
    await rename(tempPath, targetPath)
    await syncOrRemove(folder, targetPath)
    return written
  })
}

/** The object appears by a hard link to a whole file, which only one of many writers can make. */
export async function publishIfAbsent(request: WriteRequest): Promise<boolean> {
  return await writeTemp(request, async ({ tempPath, targetPath, folder }) => {
    const won = await linkOnce(request, tempPath, targetPath)
    if (won) await syncOrRemove(folder, targetPath)
    return won
  })
}

/** A name that may not outlive a power cut is not published. */
async function syncOrRemove(folder: string, targetPath: string): Promise<void> {
  try {
    await syncFolder(folder)
  } catch (error) {
    await unlink(targetPath)
    throw error
  }
}

async function linkOnce({ root, key }: WriteRequest, tempPath: string, targetPath: string): Promise<boolean> {
  try {
    await link(tempPath, targetPath)
    return true
  } catch (error) {
    // over NFS the answer to a link that was made can get lost: the count of names tells
    if ((await stat(tempPath)).nlink === 2) return true
    if (!isSystemError(error, 'EEXIST')) throw error
    if (!(await stat(targetPath)).isDirectory()) return false
    throw badKey(root, key, 'a folder of that name is in the way')
  }
}

const PROBE = 'probe'
/** A probe is over in no time; one that is older was left by a process that was killed. */
const DEAD_PROBE_MS = 3_600_000

async function removeDeadProbes(folder: string, now: () => number): Promise<void> {
  for (const fileName of await readdir(folder).catch(() => [])) {
    const temp = parseTempName(fileName)
    if (temp?.name === PROBE && now() - temp.startedAt.getTime() > DEAD_PROBE_MS)
      await unlink(join(folder, fileName)).catch(() => undefined)
  }
}

/** True where hard links work, without which nothing appears whole for only one of many writers. */
export async function canLink(folder: string, now: () => number): Promise<boolean> {
  await removeDeadProbes(folder, now)
  const tempPath = join(folder, tempKey(PROBE, newUploadId(now())))
  const linkPath = join(folder, tempKey(PROBE, newUploadId(now())))
  const handle = await open(tempPath, 'wx', 0o640)
  try {
    await link(tempPath, linkPath)
    return true
  } catch (error) {
    if (isSystemError(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) return false
    throw error
  } finally {
    await handle.close()
    await unlink(tempPath)
    await unlink(linkPath).catch(() => undefined)
  }
}
