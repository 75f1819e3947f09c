import { Readable } from 'node:stream'
import { badRange, checkRange } from './byte-range.ts'
import { checkedStream } from './checked-stream.ts'
import { ObjectStoreError } from './object-store-error.ts'
import type { GetOptions, ObjectInfo } from './object-store.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'
import { s3Error } from './s3-error.ts'
import { headObject } from './s3-object.ts'

export async function headInfo(
  context: S3Context,
  key: string,
  signal?: AbortSignal,
): Promise<ObjectInfo | undefined> {
  const found = await headObject(context, key, signal)
  return found && { key, size: found.ContentLength ?? 0, lastModified: found.LastModified ?? new Date(0) }
}

/** The bytes of an object; the stream fails unless exactly the promised number of them arrives. */
export async function getObject(
  context: S3Context,
  key: string,
  { range, signal }: GetOptions,
): Promise<Readable> {
  const { client, bucket, request, fullKey, url, stallTimeoutMs } = context
  const { GetObjectCommand } = await loadSdk()
  if (range !== undefined) checkRange(range, url, key)
  const answer = await request({
    operation: 'GetObject',
    key,
    signal,
    send: (abortSignal) =>
      client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: fullKey(key),
          Range: range && `bytes=${range.start}-${range.end ?? ''}`,
        }),
        { abortSignal },
      ),
  })
  const details = { url, key, operation: 'GetObject' }
  const { Body: source, ContentLength: expectedBytes } = answer
  if (!(source instanceof Readable) || expectedBytes === undefined) {
    if (source instanceof Readable) source.destroy()
    throw new ObjectStoreError(
      'STORE_FAILED',
      `GetObject of ${JSON.stringify(key)} in ${url} gave no length; the store is not S3-compatible`,
      { details },
    )
  }
  if (range !== undefined && !isRange(answer.ContentRange, range, expectedBytes)) {
    source.destroy()
    throw badRange(range, url, key, `the store answered with ${answer.ContentRange ?? 'the whole object'}`)
  }
  return checkedStream(source, {
    expectedBytes,
    stallTimeoutMs,
    signal,
    details,
    mapError: (error) => s3Error(error, { url, key, operation: 'GetObject' }),
  })
}

/** Whether `Content-Range: bytes 0-9/100` is the range that was asked for, cut at the object's end. */
function isRange(
  contentRange: string | undefined,
  asked: { start: number; end?: number },
  length: number,
): boolean {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/u.exec(contentRange ?? '')
  if (match === null) return false
  const [start = -1, end = -1, size = -1] = match.slice(1).map(Number)
  return (
    start === asked.start && end === Math.min(asked.end ?? size - 1, size - 1) && length === end - start + 1
  )
}
