import { orAborted } from './body.ts'
import type { Logger } from './logger.ts'
import { checkKey, keyProblem } from './object-key.ts'
import { ObjectStoreError } from './object-store-error.ts'
import type { ObjectStore } from './object-store.ts'
import { planParts } from './part-plan.ts'
import type { S3Context, S3Sender } from './s3-context.ts'
import { deleteObjects } from './s3-delete.ts'
import { listObjects, listUploads } from './s3-list.ts'
import { abortMultipart } from './s3-multipart-abort.ts'
import { probePutIfAbsent, putIfAbsent, unsupported } from './s3-put-if-absent.ts'
import { getObject, headInfo } from './s3-read.ts'
import { s3Requester } from './s3-request.ts'
import { putObject } from './s3-upload.ts'

/** Options of {@link s3Store}. */
export interface S3StoreOptions {
  /** An `S3Client` of yours; it stays open. Compatible servers mostly need `forcePathStyle: true`. */
  readonly client: S3Sender
  /** The name of the bucket. */
  readonly bucket: string
  /** Put before every key, with a slash between. @default '' */
  readonly prefix?: string
  /** The most parts that the store takes for one object; some have 1,000. @default 10000 */
  readonly maxParts?: number
  /** Parts under way at a time. @default 3, less when parts are larger than 24 MiB */
  readonly concurrency?: number
  /** Smallest part size to choose, at least 5 MiB. @default 8 MiB with a size hint, 16 MiB without */
  readonly partSizeBytes?: number
  /** A request in which no byte moves for this long, in either direction, is given up. @default 60000 */
  readonly stallTimeoutMs?: number
  /** How often a request is tried, on top of the client's own retries. @default 5 */
  readonly maxAttempts?: number
  /** Wait before the second try; it doubles, with jitter, up to 20 s. @default 250 */
  readonly retryDelayMs?: number
  /** Told of retries, and of what could not be removed. */
  readonly logger?: Logger
}

/**
 * A bucket, or a prefix in it, as an object store. Works with S3 and with servers compatible to it.
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs'
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { s3Store } from '@ops/object-store'
 *
 * const client = new S3Client({ region: 'eu-central-1' })
 * const store = s3Store({ client, bucket: 'backups', prefix: 'production' })
 * await store.put('app/dump.zst', createReadStream('dump.zst'), { sizeHintBytes: 20e9 })
 * client.destroy()
 * ```
 */
export function s3Store(options: S3StoreOptions): ObjectStore {
  const { client, bucket, prefix = '', maxParts = 10_000, stallTimeoutMs = 60_000, logger } = options
  const trimmed = prefix.replace(/\/+$/u, '')
  const url = `s3://${bucket}${trimmed === '' ? '' : `/${trimmed}`}`
  checkOptions(options, trimmed, url)
  const { maxAttempts = 5, retryDelayMs = 250, partSizeBytes, concurrency } = options
  const base = trimmed === '' ? '' : `${trimmed}/`
  const context: S3Context = {
    url,
    client,
    bucket,
    stallTimeoutMs,
    logger,
    request: s3Requester({ url, stallTimeoutMs, maxAttempts, retryDelayMs, logger }),
    fullKey: (key) => base + key,
    relativeKey: (fullKey) => {
      const key = fullKey.startsWith(base) ? fullKey.slice(base.length) : ''
      return keyProblem(key) === undefined ? key : undefined
    },
  }

  let probe: Promise<boolean> | undefined
  /** Shared by all callers, so that it outlives the one that gave up; a failed one is forgotten. */
  const canPutIfAbsent = async (signal: AbortSignal | undefined): Promise<boolean> => {
    signal?.throwIfAborted()
    probe ??= probePutIfAbsent(context).catch((error: unknown) => {
      probe = undefined
      throw error
    })
    return await (signal === undefined ? probe : orAborted(probe, signal))
  }

  return {
    url,

    async put(key, body, putOptions = {}) {
      checkKey(key, url)
      const plan = planParts({
        sizeHintBytes: putOptions.sizeHintBytes,
        maxParts,
        partSizeBytes,
        concurrency,
      })
      return await putObject(context, key, body, { ...plan, maxParts }, putOptions)
    },

    async putIfAbsent(key, body, putOptions = {}) {
      checkKey(key, url)
      if (!(await canPutIfAbsent(putOptions.signal))) throw unsupported(context, key)
      return await putIfAbsent(context, key, body, putOptions)
    },

    async get(key, getOptions = {}) {
      checkKey(key, url)
      return await getObject(context, key, getOptions)
    },

    async head(key, { signal } = {}) {
      checkKey(key, url)
      return await headInfo(context, key, signal)
    },

    list: (listOptions = {}) => listObjects(context, listOptions),

    async delete(keys, { signal } = {}) {
      return await deleteObjects(context, keys, signal)
    },

    listPendingUploads: (listOptions = {}) => listUploads(context, listOptions),

    async abortPendingUpload({ key, uploadId }, { signal } = {}) {
      checkKey(key, url)
      await abortMultipart(context, key, uploadId, signal)
    },

    async capabilities({ signal } = {}) {
      return { putIfAbsent: await canPutIfAbsent(signal) }
    },
  }
}

function checkOptions(options: S3StoreOptions, prefix: string, url: string): void {
  const { maxParts, concurrency, partSizeBytes, stallTimeoutMs, maxAttempts, retryDelayMs } = options
  const refuse = (problem: string): never => {
    throw new ObjectStoreError('STORE_BAD_OPTION', `cannot open ${url}: ${problem}`, { details: { url } })
  }
  if (options.bucket === '') refuse('bucket is empty')
  const prefixProblem = prefix === '' ? undefined : keyProblem(prefix)
  if (prefixProblem !== undefined) refuse(`prefix cannot be used: ${prefixProblem}`)
  const atLeast = (name: string, value: number | undefined, minimum: number): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= minimum)) return
    refuse(`${name} must be a whole number of at least ${minimum}, not ${value}`)
  }
  atLeast('maxParts', maxParts, 1)
  atLeast('concurrency', concurrency, 1)
  atLeast('partSizeBytes', partSizeBytes, 5 * 1024 * 1024)
  atLeast('stallTimeoutMs', stallTimeoutMs, 1)
  atLeast('maxAttempts', maxAttempts, 1)
  atLeast('retryDelayMs', retryDelayMs, 0)
}
