import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { isObjectStoreError } from './object-store-error.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'

/** Object metadata by which a put recognises its own object, also after an answer got lost. */
export const uploadTag = 'ops-upload'

/** What the store says of an object; `undefined` when there is none. */
export async function headObject(
  { client, bucket, request, fullKey }: S3Context,
  key: string,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const { HeadObjectCommand } = await loadSdk()
  try {
    return await request({
      operation: 'HeadObject',
      key,
      signal,
      send: (abortSignal) =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: fullKey(key) }), { abortSignal }),
    })
  } catch (error) {
    if (isObjectStoreError(error) && error.code === 'STORE_NOT_FOUND') return undefined
    throw error
  }
}

/** Deletes one object, or the one version of it that is named. */
export async function deleteObject(
  { client, bucket, request, fullKey }: S3Context,
  key: string,
  { versionId, signal }: { readonly versionId?: string; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { DeleteObjectCommand } = await loadSdk()
  await request({
    operation: 'DeleteObject',
    key,
    signal,
    send: (abortSignal) =>
      client.send(new DeleteObjectCommand({ Bucket: bucket, Key: fullKey(key), VersionId: versionId }), {
        abortSignal,
      }),
  })
}

/**
 * Deletes an object if it is the one that the upload with this tag made. In a versioned bucket that
 * uncovers what was there before.
 */
export async function removeOwnObject(
  context: S3Context,
  key: string,
  tag: string,
  signal?: AbortSignal,
): Promise<void> {
  const found = await headObject(context, key, signal)
  if (found?.Metadata?.[uploadTag] !== tag) return
  const versionId = found.VersionId === 'null' ? undefined : found.VersionId
  await deleteObject(context, key, { versionId, signal })
}
