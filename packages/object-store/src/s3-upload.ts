import { createHash, randomUUID } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { errorMessage } from '@ops/internal-error'
import type { Body } from './body.ts'
import { bodyParts } from './body-parts.ts'
import type { BodyPart } from './body-parts.ts'
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts'
import type { PutOptions, PutResult } from './object-store.ts'
import type { PartPlan } from './part-plan.ts'
import { contradicts, md5, multipartEtag } from './s3-checksum.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'
import { abortMultipart } from './s3-multipart-abort.ts'
import { headObject, removeOwnObject, uploadTag } from './s3-object.ts'
import { watchBody } from './s3-watch-body.ts'

/** Cleaning up after a store that stopped answering ends here. */
const cleanUpMs = 60_000

interface Upload {
  readonly context: S3Context
  readonly key: string
  readonly tag: string
  readonly plan: PartPlan & { readonly maxParts: number }
  readonly signal: AbortSignal
  readonly contentType: string
  readonly onProgress?: (storedBytes: number) => void
  readonly sha256: Hash
  /** Set once the store knows the upload; from then on it has to be aborted. */
  uploadId?: string
  /** Set once a request was sent that makes the object appear. */
  mayHaveAppeared: boolean
}

interface Sent {
  readonly size: number
  /** The ETag that the store should report, if its ETags are MD5s. */
  readonly etag: string
  readonly partSizeBytes?: number
}

/**
 * Puts a body of any length: one PutObject when it fits in a part, else a multipart upload. What
 * the store then reports is compared with what was sent. However it fails, nothing of it is left.
 */
export async function putObject(
  context: S3Context,
  key: string,
  body: Body,
  plan: PartPlan & { readonly maxParts: number },
  { signal, contentType = 'application/octet-stream', onProgress }: PutOptions,
): Promise<PutResult> {
  const failure = new AbortController()
  const upload: Upload = {
    context,
    key,
    tag: randomUUID(),
    plan,
    signal: signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]),
    contentType,
    onProgress,
    sha256: createHash('sha256'),
    mayHaveAppeared: false,
  }
  setMaxListeners(0, upload.signal)
  try {
    const sent = await sendBody(upload, body, failure)
    await verify(upload, sent)
    return { key, size: sent.size, sha256: upload.sha256.digest('hex'), partSizeBytes: sent.partSizeBytes }
  } catch (error) {
    throw await cleanUp(upload, signal?.aborted ? signal.reason : error)
  }
}

async function sendBody(upload: Upload, body: Body, failure: AbortController): Promise<Sent> {
  upload.signal.throwIfAborted()
  const parts = bodyParts(body, upload.plan.partSizeBytes, upload.signal)
  const first = await parts.next()
  if (first.done === true) throw new TypeError('a body has at least one part')
  upload.sha256.update(first.value.bytes)
  try {
    return first.value.isLast
      ? await sendWhole(upload, first.value.bytes)
      : await sendParts(upload, first.value, parts, failure)
  } finally {
    // closes the body, also when the upload failed before it asked for a second part
    await parts.return()
  }
}

async function sendWhole(upload: Upload, bytes: Uint8Array): Promise<Sent> {
  const { context, key, tag, signal, contentType } = upload
  const { client, bucket, request, fullKey } = context
  const { PutObjectCommand } = await loadSdk()
  const digest = md5(bytes)
  upload.mayHaveAppeared = true
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
            Body: bytes,
            ContentLength: bytes.length,
            ContentMD5: digest.toString('base64'),
            ContentType: contentType,
            Metadata: { [uploadTag]: tag },
          }),
          moved,
        ),
        { abortSignal },
      ),
  })
  upload.onProgress?.(bytes.length)
  return { size: bytes.length, etag: digest.toString('hex') }
}

async function sendParts(
  upload: Upload,
  first: BodyPart,
  rest: AsyncIterable<BodyPart>,
  failure: AbortController,
): Promise<Sent> {
  const uploadId = await begin(upload)
  const { key, context, plan } = upload
  const completed: CompletedPart[] = []
  const digests: Buffer[] = []
  const underWay = new Set<Promise<void>>()
  let size = 0
  let storedBytes = 0

  const sendOne = async (part: BodyPart, digest: Buffer): Promise<void> => {
    completed[part.number - 1] = await sendPart(upload, uploadId, part, digest)
    storedBytes += part.bytes.length
    part.release()
    upload.onProgress?.(storedBytes)
  }
  const start = (part: BodyPart): void => {
    size += part.bytes.length
    const digest = md5(part.bytes)
    digests.push(digest)
    // the first part that fails stops the others and the reading of the body
    const sending = sendOne(part, digest)
      .catch((error: unknown) => failure.abort(error))
      .finally(() => underWay.delete(sending))
    underWay.add(sending)
  }

  try {
    start(first)
    for await (const part of rest) {
      if (part.number > plan.maxParts) throw tooManyParts(context.url, key, plan)
      upload.sha256.update(part.bytes)
      while (underWay.size >= plan.concurrency) await Promise.race(underWay)
      upload.signal.throwIfAborted()
      start(part)
    }
    await Promise.all(underWay)
    upload.signal.throwIfAborted()
  } catch (error) {
    failure.abort(error)
    // no part may be on its way when the upload is aborted
    await Promise.all(underWay)
    throw upload.signal.reason
  }
  await complete(upload, uploadId, completed)
  return { size, etag: multipartEtag(digests), partSizeBytes: plan.partSizeBytes }
}

async function begin(upload: Upload): Promise<string> {
  const { context, key, tag, signal, contentType } = upload
  const { client, bucket, request, fullKey } = context
  const { CreateMultipartUploadCommand } = await loadSdk()
  const { UploadId } = await request({
    operation: 'CreateMultipartUpload',
    key,
    signal,
    awaitOutcome: true,
    send: async (abortSignal) => {
      const answer = await client.send(
        new CreateMultipartUploadCommand({
          Bucket: bucket,
          Key: fullKey(key),
          ContentType: contentType,
          Metadata: { [uploadTag]: tag },
        }),
        { abortSignal },
      )
      // noted here, since the request rejects when it was aborted meanwhile
      upload.uploadId = answer.UploadId
      return answer
    },
  })
  if (UploadId !== undefined) return UploadId
  throw new ObjectStoreError(
    'STORE_FAILED',
    `CreateMultipartUpload of ${JSON.stringify(key)} in ${context.url} gave no upload id; the store is not S3-compatible`,
    {
      details: { url: context.url, key, operation: 'CreateMultipartUpload' },
    },
  )
}

async function sendPart(
  { context, key, signal }: Upload,
  uploadId: string,
  { number, bytes }: BodyPart,
  digest: Buffer,
): Promise<CompletedPart> {
  const { client, bucket, request, fullKey, url } = context
  const { UploadPartCommand } = await loadSdk()
  const answer = await request({
    operation: 'UploadPart',
    key,
    signal,
    send: (abortSignal, moved) =>
      client.send(
        watchBody(
          new UploadPartCommand({
            Bucket: bucket,
            Key: fullKey(key),
            UploadId: uploadId,
            PartNumber: number,
            Body: bytes,
            ContentLength: bytes.length,
            ContentMD5: digest.toString('base64'),
          }),
          moved,
        ),
        { abortSignal },
      ),
  })
  if (contradicts(answer, digest.toString('hex'), bucket)) {
    throw new ObjectStoreError(
      'STORE_CHECKSUM_MISMATCH',
      `part ${number} of ${JSON.stringify(key)} arrived in ${url} with other bytes than were sent; check memory and network, then put it again`,
      { details: { url, key, operation: 'UploadPart' } },
    )
  }
  return {
    PartNumber: number,
    ETag: answer.ETag,
    ChecksumCRC32: answer.ChecksumCRC32,
    ChecksumCRC32C: answer.ChecksumCRC32C,
    ChecksumCRC64NVME: answer.ChecksumCRC64NVME,
    ChecksumSHA1: answer.ChecksumSHA1,
    ChecksumSHA256: answer.ChecksumSHA256,
  }
}

async function complete(upload: Upload, uploadId: string, parts: CompletedPart[]): Promise<void> {
  const { context, key, signal } = upload
  const { client, bucket, request, fullKey } = context
  const { CompleteMultipartUploadCommand } = await loadSdk()
  upload.mayHaveAppeared = true
  try {
    await request({
      operation: 'CompleteMultipartUpload',
      key,
      signal,
      awaitOutcome: true,
      send: (abortSignal) =>
        client.send(
          new CompleteMultipartUploadCommand({
            Bucket: bucket,
            Key: fullKey(key),
            UploadId: uploadId,
            MultipartUpload: { Parts: parts },
          }),
          { abortSignal },
        ),
    })
  } catch (error) {
    // a second try is told "no such upload" when the answer to the first got lost; `verify` finds out
    const details = isObjectStoreError(error) ? error.details : undefined
    if (details?.errorName !== 'NoSuchUpload') throw error
  }
}

function tooManyParts(
  url: string,
  key: string,
  { maxParts, partSizeBytes }: Upload['plan'],
): ObjectStoreError {
  return new ObjectStoreError(
    'STORE_TOO_LARGE',
    `${JSON.stringify(key)} in ${url} has more than ${maxParts} parts of ${partSizeBytes} bytes; put it again with a larger sizeHintBytes`,
    { details: { url, key } },
  )
}

/** The size and checksum that the store reports must be those of what was sent. */
async function verify({ context, key, tag, signal }: Upload, { size, etag }: Sent): Promise<void> {
  const { url, bucket } = context
  const found = await headObject(context, key, signal)
  const name = `${JSON.stringify(key)} in ${url}`
  const details = { url, key, operation: 'HeadObject' }
  if (found === undefined) {
    throw new ObjectStoreError(
      'STORE_FAILED',
      `${name} is not there although its upload succeeded; put it again`,
      { details },
    )
  }
  const foundTag = found.Metadata?.[uploadTag]
  if (foundTag !== undefined && foundTag !== tag) {
    throw new ObjectStoreError(
      'STORE_REPLACED',
      `${name} was replaced by another writer just after it was put; find out who else writes there`,
      { details },
    )
  }
  if (found.ContentLength !== size) {
    throw new ObjectStoreError(
      'STORE_CHECKSUM_MISMATCH',
      `${name} has ${found.ContentLength} bytes although ${size} were sent; it was removed, put it again`,
      { details },
    )
  }
  if (contradicts(found, etag, bucket)) {
    throw new ObjectStoreError(
      'STORE_CHECKSUM_MISMATCH',
      `${name} has the ETag ${found.ETag} although what was sent has ${etag}; it was removed, put it again`,
      { details },
    )
  }
}

/** Removes what the upload left, and returns the error to reject with. */
async function cleanUp(
  { context, key, tag, uploadId, mayHaveAppeared }: Upload,
  error: unknown,
): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(cleanUpMs)
    if (uploadId !== undefined) await abortMultipart(context, key, uploadId, signal)
    if (mayHaveAppeared && !wasTurnedAway(error)) await removeOwnObject(context, key, tag, signal)
    return error
  } catch (cleanUpError) {
    const { url, logger } = context
    const leftBehind = { key, uploadId }
    logger?.error(
      { url, ...leftBehind, reason: errorMessage(cleanUpError) },
      'a failed upload could not be removed',
    )
    if (!isObjectStoreError(error)) return error
    return new ObjectStoreError(
      error.code,
      `${error.message}; and what it left could not be removed (${errorMessage(cleanUpError)}): abort its upload or delete it`,
      { details: { ...error.details, leftBehind }, cause: error },
    )
  }
}

/** A store that does not know who asks has put nothing, and would not let us look either. */
function wasTurnedAway(error: unknown): boolean {
  return (
    isObjectStoreError(error) &&
    error.code === 'STORE_BAD_CREDENTIALS' &&
    error.details.operation === 'PutObject'
  )
}
