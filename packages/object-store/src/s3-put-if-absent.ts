import { randomUUID } from 'node:crypto'
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts'
import { md5 } from './s3-checksum.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'
import { deleteObject, headObject, removeOwnObject, uploadTag } from './s3-object.ts'
import { watchBody } from './s3-watch-body.ts'

export interface PutIfAbsentOptions {
  readonly signal?: AbortSignal
  readonly contentType?: string
}

/**
 * One PutObject with `If-None-Match: *`. An answer that got lost makes the next try fail on our own
 * object, so a refusal is looked into: the object's tag tells whose it is.
 */
export async function putIfAbsent(
  context: S3Context,
  key: string,
  body: Uint8Array,
  { signal, contentType = 'application/octet-stream' }: PutIfAbsentOptions = {},
): Promise<boolean> {
  const { client, bucket, request, fullKey } = context
  const { PutObjectCommand } = await loadSdk()
  const tag = randomUUID()
  signal?.throwIfAborted()
  try {
    await request({
      operation: 'PutObject',
      key,
      signal,
      awaitOutcome: true,
      send: (abortSignal, moved) =>
        client.send(
          watchBody(
            new PutObjectCommand({
              Bucket: bucket,
              Key: fullKey(key),
              Body: body,
              ContentLength: body.length,
              ContentMD5: md5(body).toString('base64'),
              ContentType: contentType,
              IfNoneMatch: '*',
              Metadata: { [uploadTag]: tag },
            }),
            moved,
          ),
          { abortSignal },
        ),
    })
    return true
  } catch (error) {
    if (isObjectStoreError(error) && error.details.httpStatus === 412) {
      return (await headObject(context, key, signal))?.Metadata?.[uploadTag] === tag
    }
    await removeOwnObject(context, key, tag).catch((cleanUpError: unknown) =>
      context.logger?.error(
        { url: context.url, key, error: cleanUpError },
        'a failed put could not be removed',
      ),
    )
    throw error
  }
}

/**
 * Puts a small object twice if absent: a store that refuses the second can be trusted, one that
 * takes it ignores the condition, one that refuses the first does not know it.
 */
export async function probePutIfAbsent(context: S3Context): Promise<boolean> {
  const key = `.probe/${randomUUID()}`
  const body = Buffer.from('Made to find out whether this store can put an object only if it is absent.\n')
  try {
    if (!(await putIfAbsent(context, key, body))) return false
    const secondWon = await putIfAbsent(context, key, body)
    return !secondWon
  } catch (error) {
    if (isObjectStoreError(error) && error.code === 'STORE_UNSUPPORTED') return false
    throw error
  } finally {
    await deleteObject(context, key).catch((error: unknown) =>
      context.logger?.warn({ url: context.url, key, error }, 'the probe object could not be deleted'),
    )
  }
}

export function unsupported({ url }: S3Context, key: string): ObjectStoreError {
  return new ObjectStoreError(
    'STORE_UNSUPPORTED',
    `${url} cannot put ${JSON.stringify(key)} only if it is absent: the store refuses or ignores "If-None-Match: *"; use a store that knows it`,
    { details: { url, key, operation: 'PutObject' } },
  )
}
