import { ObjectStoreError } from './object-store-error.ts'
import type { ListOptions, ObjectInfo, PendingUpload } from './object-store.ts'
import { loadSdk } from './s3-context.ts'
import type { S3Context } from './s3-context.ts'

const pageSize = 1000

/** Objects a page at a time, in the order of S3, which is that of the key's UTF-8 bytes. */
export async function* listObjects(
  context: S3Context,
  { prefix = '', signal }: ListOptions,
): AsyncGenerator<ObjectInfo> {
  const { client, bucket, request, fullKey, relativeKey } = context
  const { ListObjectsV2Command } = await loadSdk()
  let token: string | undefined
  let strangers = 0
  do {
    const page = await request({
      operation: 'ListObjectsV2',
      signal,
      send: (abortSignal) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: fullKey(prefix),
            ContinuationToken: token,
            MaxKeys: pageSize,
            EncodingType: 'url',
          }),
          { abortSignal },
        ),
    })
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      const key = relativeKey(decodeName(Key, page.EncodingType))
      if (key === undefined) strangers += 1
      else yield { key, size: Size ?? 0, lastModified: LastModified ?? new Date(0) }
    }
    token = nextMarker(context, 'ListObjectsV2', page.IsTruncated, token, page.NextContinuationToken)
  } while (token !== undefined)
  warnOfStrangers(context, strangers)
}

/** Multipart uploads that were begun and neither completed nor aborted. */
export async function* listUploads(
  context: S3Context,
  { prefix = '', signal }: ListOptions,
): AsyncGenerator<PendingUpload> {
  const { client, bucket, request, fullKey, relativeKey } = context
  const { ListMultipartUploadsCommand } = await loadSdk()
  let keyMarker: string | undefined
  let idMarker: string | undefined
  let position: string | undefined
  do {
    const page = await request({
      operation: 'ListMultipartUploads',
      signal,
      send: (abortSignal) =>
        client.send(
          new ListMultipartUploadsCommand({
            Bucket: bucket,
            Prefix: fullKey(prefix),
            KeyMarker: keyMarker,
            UploadIdMarker: idMarker,
            MaxUploads: pageSize,
            EncodingType: 'url',
          }),
          { abortSignal },
        ),
    })
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      const key = relativeKey(decodeName(Key, page.EncodingType))
      if (key !== undefined && UploadId !== undefined) {
        yield { key, uploadId: UploadId, startedAt: Initiated ?? new Date(0) }
      }
    }
    keyMarker = decodeName(page.NextKeyMarker, page.EncodingType)
    idMarker = page.NextUploadIdMarker
    position = nextMarker(
      context,
      'ListMultipartUploads',
      page.IsTruncated,
      position,
      `${keyMarker}\0${idMarker}`,
    )
  } while (position !== undefined)
}

/** A store that took `EncodingType: url` says so in its answer, and writes a space as `+`. */
function decodeName(name: string | undefined, encodingType: string | undefined): string {
  if (name === undefined) return ''
  return encodingType === 'url' ? decodeURIComponent(name.replaceAll('+', ' ')) : name
}

/** Where the next page begins; a store that says "there is more" without moving on would loop for ever. */
function nextMarker(
  { url }: S3Context,
  operation: string,
  isTruncated: boolean | undefined,
  previous: string | undefined,
  next: string | undefined,
): string | undefined {
  if (isTruncated !== true) return undefined
  if (next !== undefined && next !== previous) return next
  throw new ObjectStoreError(
    'STORE_FAILED',
    `${operation} of ${url} says that there is more but not where; the store's paging is broken, and the list incomplete`,
    { details: { url, operation } },
  )
}

function warnOfStrangers({ url, logger }: S3Context, count: number): void {
  if (count > 0)
    logger?.warn({ url, count }, 'objects whose names are no keys of this store were left out of the list')
}
