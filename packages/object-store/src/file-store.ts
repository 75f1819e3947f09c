import { unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deleteFiles } from './file-delete.ts'
import { fileError, isFileSystemError, isSystemError } from './file-error.ts'
import { badKey, findParent, keySegments, realRoot } from './file-path.ts'
import { getFile, headFile } from './file-read.ts'
import { isUploadId, parseTempName, tempKey } from './file-temp.ts'
import { walkFiles } from './file-walk.ts'
import { canLink, publish, publishIfAbsent } from './file-write.ts'
import { checkKey } from './object-key.ts'
import { ObjectStoreError } from './object-store-error.ts'
import type { ListOptions, ObjectInfo, ObjectStore, PendingUpload } from './object-store.ts'

/** Options of {@link fileStore}. */
export interface FileStoreOptions {
  /** An existing folder, local or mounted. It is never made, so that a missing mount is noticed. */
  readonly folder: string
  /** The time in ms, which names temp files. @default Date.now */
  readonly now?: () => number
}

const never = new AbortController().signal

/**
 * A folder as an object store: a key is the path of a file in it. Files are published by
 * fsync, rename and fsync of the folder. Folders inside it come and go with their objects.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 *
 * const store = fileStore({ folder: '/mnt/backups' })
 * await store.put('notes/today.txt', Buffer.from('all is well\n'), { contentType: 'text/plain' })
 * for await (const { key, size } of store.list({ prefix: 'notes/' })) console.log(key, size)
 * ```
 */
export function fileStore(options: FileStoreOptions): ObjectStore {
  const { now = Date.now } = options
  const folder = resolve(options.folder)
  const root = { folder, url: pathToFileURL(folder).href }
  const { url } = root
  let linkable: boolean | undefined

  /** Runs `work`; a system error becomes an `ObjectStoreError`, an abort and a body's error stay as they are. */
  const attempt = async <T>(
    doing: string,
    key: string | undefined,
    work: (onBodyError: (error: unknown) => void) => Promise<T>,
  ): Promise<T> => {
    const bodyErrors: unknown[] = []
    try {
      return await work((error) => bodyErrors.push(error))
    } catch (error) {
      throw isFileSystemError(error) && !bodyErrors.includes(error)
        ? fileError(error, { url, key, doing })
        : error
    }
  }

  const store: ObjectStore = {
    url,

    put: (key, body, { signal = never, onProgress } = {}) =>
      attempt('put', key, async (onBodyError) => ({
        key,
        ...(await publish({ root, key, body, signal, now, onProgress, onBodyError })),
      })),

    putIfAbsent: (key, body, { signal = never } = {}) =>
      attempt('put', key, async () => {
        checkKey(key, url)
        if (!(await store.capabilities({ signal })).putIfAbsent) {
          throw new ObjectStoreError(
            'STORE_UNSUPPORTED',
            `${url} cannot put an object only if it is absent: its file system has no hard links; use another`,
            { details: { url, key } },
          )
        }
        return await publishIfAbsent({ root, key, body, signal, now })
      }),

    get: (key, getOptions = {}) => attempt('get', key, () => getFile(root, key, getOptions)),

    head: (key, { signal } = {}) =>
      attempt('look at', key, async () => {
        signal?.throwIfAborted()
        return await headFile(root, key)
      }),

    async *list({ prefix = '', signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
      try {
        for await (const file of walkFiles(root, prefix, signal)) {
          if (parseTempName(file.key.slice(file.key.lastIndexOf('/') + 1)) === undefined) yield file
        }
      } catch (error) {
        throw isFileSystemError(error) ? fileError(error, { url, doing: 'list' }) : error
      }
    },

    async *listPendingUploads({ prefix = '', signal }: ListOptions = {}): AsyncGenerator<PendingUpload> {
      try {
        // a temp file's own name differs from the object's from the last slash on
        for await (const file of walkFiles(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), signal)) {
          const nameAt = file.key.lastIndexOf('/') + 1
          const temp = parseTempName(file.key.slice(nameAt))
          const key = file.key.slice(0, nameAt) + (temp?.name ?? '')
          if (temp && key.startsWith(prefix))
            yield { key, uploadId: temp.uploadId, startedAt: temp.startedAt }
        }
      } catch (error) {
        throw isFileSystemError(error)
          ? fileError(error, { url, doing: 'list the pending uploads of' })
          : error
      }
    },

    abortPendingUpload: ({ key, uploadId }, { signal } = {}) =>
      attempt('abort the upload of', key, async () => {
        signal?.throwIfAborted()
        const segments = keySegments(root, key)
        if (!isUploadId(uploadId))
          throw badKey(root, key, `${JSON.stringify(uploadId)} is no upload of this store`)
        const parent = await findParent(root, segments)
        if (parent !== undefined)
          await unlink(join(parent, tempKey(segments.at(-1) ?? '', uploadId))).catch(ignoreMissing)
      }),

    delete: (keys, { signal } = {}) => deleteFiles(root, keys, signal),

    capabilities: ({ signal } = {}) =>
      attempt('probe', undefined, async () => {
        signal?.throwIfAborted()
        linkable ??= await canLink(await realRoot(root), now)
        return { putIfAbsent: linkable }
      }),
  }
  return store
}

function ignoreMissing(error: unknown): void {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
