import type { DeleteObjectsCommandOutput } from '@aws-sdk/client-s3'
import { errorMessage } from '@ops/internal-error'
import { isObjectStoreError } from './object-store-error.ts'
import type { DeleteResult } from './object-store.ts'
import { badKeyError } from './object-key.ts'
import { md5 } from './s3-checksum.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'
import { deleteObject } from './s3-object.ts'

const batchSize = 1000
/** XML 1.0 has no way to write these, so such keys do not fit into a batch. */
const notInXml = /[\p{Cc}\uFFFE\uFFFF]/u

/** Deletes in batches of 1,000; a key whose request fails has that failure as its result. */
export async function deleteObjects(
  context: S3Context,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteResult[]> {
  const results = new Map<string, DeleteResult>()
  signal?.throwIfAborted()
  for (const key of keys) {
    const refused = badKeyError(key, context.url)
    if (refused !== undefined) results.set(key, asResult(key, refused, signal))
  }
  const distinct = [...new Set(keys)].filter((key) => !results.has(key))
  const batchable = distinct.filter((key) => !notInXml.test(key))
  for (let at = 0; at < batchable.length; at += batchSize) {
    await deleteBatch(context, batchable.slice(at, at + batchSize), results, signal)
  }
  for (const key of distinct.filter((key) => notInXml.test(key))) {
    results.set(key, await deleteOne(context, key, signal))
  }
  return keys.map((key) => results.get(key) ?? notMentioned(key, context.url))
}

async function deleteOne(
  context: S3Context,
  key: string,
  signal: AbortSignal | undefined,
): Promise<DeleteResult> {
  try {
    await deleteObject(context, key, { signal })
    return { key, deleted: true }
  } catch (error) {
    return asResult(key, error, signal)
  }
}

async function deleteBatch(
  context: S3Context,
  keys: readonly string[],
  results: Map<string, DeleteResult>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { fullKey } = context
  try {
    const { Deleted = [], Errors = [] } = await sendBatch(context, keys.map(fullKey), signal)
    const deleted = new Set(Deleted.map(({ Key }) => Key))
    const failed = new Map(Errors.map((failure) => [failure.Key, failure]))
    for (const key of keys) {
      const failure = failed.get(fullKey(key))
      if (failure !== undefined) results.set(key, refusal(key, context.url, failure.Code))
      else if (deleted.has(fullKey(key))) results.set(key, { key, deleted: true })
    }
  } catch (error) {
    for (const key of keys) results.set(key, asResult(key, error, signal))
  }
}

async function sendBatch(
  { client, bucket, request }: S3Context,
  fullKeys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteObjectsCommandOutput> {
  const { DeleteObjectsCommand } = await loadSdk()
  return await request({
    operation: 'DeleteObjects',
    signal,
    send: (abortSignal) => {
      const command = new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: fullKeys.map((Key) => ({ Key })), Quiet: false },
      })
      // S3 itself is content with the SDK's checksum; older compatible stores insist on Content-MD5
      command.middlewareStack.add(
        (next) => async (args) => {
          const { request } = args
          if (isRequest(request)) request.headers['content-md5'] = md5(request.body).toString('base64')
          return await next(args)
        },
        { step: 'build', priority: 'low', name: 'contentMd5' },
      )
      return client.send(command, { abortSignal })
    },
  })
}

interface SerialisedRequest {
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array
}

function isRequest(request: unknown): request is SerialisedRequest {
  return typeof request === 'object' && request !== null && 'headers' in request && 'body' in request
}

function asResult(key: string, error: unknown, signal: AbortSignal | undefined): DeleteResult {
  signal?.throwIfAborted()
  return {
    key,
    deleted: false,
    code: isObjectStoreError(error) ? error.code : 'STORE_FAILED',
    message: errorMessage(error),
  }
}

function refusal(key: string, url: string, reason: string | undefined): DeleteResult {
  const code = reason === 'AccessDenied' ? 'STORE_ACCESS_DENIED' : 'STORE_FAILED'
  return {
    key,
    deleted: false,
    code,
    message: `${JSON.stringify(key)} in ${url} was not deleted: the store says ${reason}`,
  }
}

function notMentioned(key: string, url: string): DeleteResult {
  return {
    key,
    deleted: false,
    code: 'STORE_FAILED',
    message: `whether ${JSON.stringify(key)} in ${url} was deleted is unknown: the store's answer does not mention it`,
  }
}
