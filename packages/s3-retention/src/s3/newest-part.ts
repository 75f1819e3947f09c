import { ListPartsCommand } from '@aws-sdk/client-s3'
import { fullKey, s3ErrorOf, type S3Location } from './s3-location.ts'

/**
 * When the newest part of an upload was stored; `undefined` when it has none, or is gone.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { newestPart } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * console.log(await newestPart(location, { key: 'main/app/dump.pgc.zst', uploadId: 'abc' }))
 * ```
 */
export async function newestPart(
  location: S3Location,
  upload: { readonly key: string; readonly uploadId: string },
  signal?: AbortSignal,
): Promise<Date | undefined> {
  let newest: Date | undefined
  let marker: string | undefined
  do {
    const command = new ListPartsCommand({
      Bucket: location.bucket,
      Key: fullKey(location, upload.key),
      UploadId: upload.uploadId,
      PartNumberMarker: marker,
    })
    try {
      const page = await location.client.send(command, { abortSignal: signal })
      for (const { LastModified } of page.Parts ?? []) {
        if (LastModified !== undefined && (newest === undefined || LastModified > newest))
          newest = LastModified
      }
      const next = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
      marker = next === marker ? undefined : next
    } catch (error) {
      if (s3ErrorOf(error).status === 404) return undefined
      throw error
    }
  } while (marker !== undefined)
  return newest
}
