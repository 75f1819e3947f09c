import { createHash } from 'node:crypto'

export function md5(bytes: Uint8Array | string): Buffer {
  return createHash('md5').update(bytes).digest()
}

/** The ETag of an object that went up in parts: the MD5 of the parts' MD5s, and their number. */
export function multipartEtag(partDigests: readonly Uint8Array[]): string {
  return `${md5(Buffer.concat(partDigests)).toString('hex')}-${partDigests.length}`
}

export interface EtagAnswer {
  readonly ETag?: string
  readonly ServerSideEncryption?: string
  readonly SSECustomerAlgorithm?: string
}

/**
 * Whether a store's ETag contradicts the expected one. An ETag says nothing of the content when
 * the object is encrypted with a key of KMS or of the customer, in directory buckets, and where it
 * does not look like an MD5.
 */
export function contradicts(answer: EtagAnswer, expected: string, bucket: string): boolean {
  const etag = answer.ETag?.replaceAll('"', '').toLowerCase()
  if (etag === undefined || !/^[0-9a-f]{32}(?:-\d+)?$/u.test(etag)) return false
  if (answer.ServerSideEncryption?.startsWith('aws:kms') || answer.SSECustomerAlgorithm !== undefined)
    return false
  if (bucket.endsWith('--x-s3')) return false
  return etag !== expected
}
