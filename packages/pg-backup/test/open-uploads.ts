import { UploadPartCommand } from '@aws-sdk/client-s3'
import type { FaultProxy, S3Server } from '@ops/testbed'

/** The multipart uploads through the proxy that still take parts, by id: fauxqs does not list uploads. */
export async function openUploads(proxy: FaultProxy, s3: S3Server, bucket: string): Promise<string[]> {
  const urls = proxy.requests.map(({ path }) => new URL(path, 'http://s3'))
  const uploads = new Map(
    urls.flatMap((url) =>
      url.searchParams.has('partNumber') ? [[url.searchParams.get('uploadId')!, url.pathname]] : [],
    ),
  )
  const open = await Promise.all(
    [...uploads].map(async ([UploadId, path]) => {
      const Key = decodeURIComponent(path.slice(`/${bucket}/`.length))
      return s3.client
        .send(new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: 99, Body: 'x' }))
        .then(
          () => [UploadId],
          () => [],
        )
    }),
  )
  return open.flat()
}
