import { setTimeout as sleep } from 'node:timers/promises'
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'

const rounds = 4

/**
 * Aborts a multipart upload and looks whether it is gone: a part that was still being written when
 * the abort came can survive it, and is then removed by the next one.
 */
export async function abortMultipart(
  context: S3Context,
  key: string,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    if (!(await abortOnce(context, key, uploadId, signal))) return
    if (!(await hasParts(context, key, uploadId, signal))) return
    await sleep(100 * 2 ** round, undefined, { signal }).catch(() => signal?.throwIfAborted())
  }
  throw new ObjectStoreError(
    'STORE_FAILED',
    `the upload of ${JSON.stringify(key)} in ${context.url} still has parts after ${rounds} aborts; abort the upload ${uploadId} later`,
    { details: { url: context.url, key, operation: 'AbortMultipartUpload', leftBehind: { key, uploadId } } },
  )
}

/** False when there is no such upload. */
async function abortOnce(
  { client, bucket, request, fullKey }: S3Context,
  key: string,
  uploadId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { AbortMultipartUploadCommand } = await loadSdk()
  return await request({
    operation: 'AbortMultipartUpload',
    key,
    signal,
    send: (abortSignal) =>
      client.send(
        new AbortMultipartUploadCommand({ Bucket: bucket, Key: fullKey(key), UploadId: uploadId }),
        { abortSignal },
      ),
  }).then(() => true, missingIsFalse)
}

async function hasParts(
  { client, bucket, request, fullKey }: S3Context,
  key: string,
  uploadId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { ListPartsCommand } = await loadSdk()
  return await request({
    operation: 'ListParts',
    key,
    signal,
    send: (abortSignal) =>
      client.send(
        new ListPartsCommand({ Bucket: bucket, Key: fullKey(key), UploadId: uploadId, MaxParts: 1 }),
        { abortSignal },
      ),
  }).then(({ Parts }) => (Parts ?? []).length > 0, missingIsFalse)
}

/** A store that cannot list parts, or may not show them to us, has nothing more to tell. */
function missingIsFalse(error: unknown): false {
  const code = isObjectStoreError(error) ? error.code : undefined
  const tellsNothing = isObjectStoreError(error) && error.details.operation === 'ListParts'
  if (code === 'STORE_NOT_FOUND') return false
  if (tellsNothing && (code === 'STORE_UNSUPPORTED' || code === 'STORE_ACCESS_DENIED')) return false
  throw error
}
