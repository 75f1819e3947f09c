import { describe, expect, it } from 'vitest'
import { isTransient, s3Error } from './s3-error.ts'

function answer(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('text that must not matter'), {
    name,
    $metadata: { httpStatusCode, requestId: 'r1' },
  })
}
function system(code: string): Error {
  return Object.assign(new Error('text that must not matter'), { code })
}

const table: readonly (readonly [Error, string, boolean])[] = [
  [answer('NoSuchKey', 404), 'STORE_NOT_FOUND', false],
  [answer('NotFound', 404), 'STORE_NOT_FOUND', false],
  [answer('NoSuchBucket', 404), 'STORE_NO_BUCKET', false],
  [answer('AccessDenied', 403), 'STORE_ACCESS_DENIED', false],
  [answer('403', 403), 'STORE_ACCESS_DENIED', false],
  [answer('InvalidAccessKeyId', 403), 'STORE_BAD_CREDENTIALS', false],
  [answer('ExpiredToken', 400), 'STORE_BAD_CREDENTIALS', false],
  [answer('RequestTimeTooSkewed', 403), 'STORE_BAD_CREDENTIALS', false],
  [answer('PermanentRedirect', 301), 'STORE_WRONG_REGION', false],
  [answer('NotImplemented', 501), 'STORE_UNSUPPORTED', false],
  [answer('Unknown', 501), 'STORE_UNSUPPORTED', false],
  [answer('Unknown', 507), 'STORE_FULL', false],
  [answer('QuotaExceeded', 403), 'STORE_FULL', false],
  [answer('InvalidRange', 416), 'STORE_BAD_RANGE', false],
  [answer('EntityTooLarge', 400), 'STORE_TOO_LARGE', false],
  [answer('BadDigest', 400), 'STORE_CHECKSUM_MISMATCH', true],
  [answer('RequestTimeout', 400), 'STORE_FAILED', true],
  [answer('InternalError', 500), 'STORE_FAILED', true],
  [answer('SlowDown', 503), 'STORE_FAILED', true],
  [answer('Unknown', 429), 'STORE_FAILED', true],
  [answer('InvalidArgument', 400), 'STORE_FAILED', false],
  [answer('constructor', 400), 'STORE_FAILED', false],
  [system('ECONNREFUSED'), 'STORE_UNREACHABLE', true],
  [system('ENOTFOUND'), 'STORE_UNREACHABLE', true],
  [system('ECONNRESET'), 'STORE_UNREACHABLE', true],
  [Object.assign(new Error('none'), { name: 'CredentialsProviderError' }), 'STORE_BAD_CREDENTIALS', false],
  [new TypeError('a bug'), 'STORE_FAILED', false],
]

describe('an S3 error', () => {
  it.each(table)('%o means %s', (error, code, transient) => {
    const meant = s3Error(error, { url: 's3://bucket/prefix', key: 'a/b', operation: 'PutObject' })
    expect(meant).toMatchObject({
      code,
      cause: error,
      details: { url: 's3://bucket/prefix', key: 'a/b', operation: 'PutObject' },
    })
    expect(meant.message).toContain('PutObject of "a/b" in s3://bucket/prefix')
    expect(isTransient(error)).toBe(transient)
  })
})
