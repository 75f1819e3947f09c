import { errorMessage } from '@ops/internal-error'
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts'
import type { ObjectStoreErrorCode } from './object-store-error.ts'

type Meaning = readonly [ObjectStoreErrorCode, string]

const notFound: Meaning = ['STORE_NOT_FOUND', 'it does not exist']
const badCredentials: Meaning = [
  'STORE_BAD_CREDENTIALS',
  'the store does not accept the credentials; check the access key, its secret and, if there is one, its session token',
]
const wrongRegion: Meaning = [
  'STORE_WRONG_REGION',
  'the bucket is in another region; set the region of the client',
]
const unreachable: Meaning = [
  'STORE_UNREACHABLE',
  'the store does not answer; check the endpoint, the network and, for https, its certificate',
]
const unsupported: Meaning = ['STORE_UNSUPPORTED', 'the store does not support this operation']
const accessDenied: Meaning = [
  'STORE_ACCESS_DENIED',
  "the credentials may not do this; extend their policy (see the README's list)",
]
const badRange: Meaning = ['STORE_BAD_RANGE', 'the range begins after the end of the object']
const tooLarge: Meaning = [
  'STORE_TOO_LARGE',
  'the store does not take so many bytes in one request; use smaller parts',
]
const corrupted: Meaning = ['STORE_CHECKSUM_MISMATCH', 'what arrived is not what was sent']
const busy: Meaning = [
  'STORE_FAILED',
  'the store is overloaded or broken and said so on every attempt; try again later',
]

const byName: Readonly<Record<string, Meaning>> = {
  NoSuchKey: notFound,
  NotFound: notFound,
  NoSuchUpload: notFound,
  NoSuchBucket: ['STORE_NO_BUCKET', 'the bucket does not exist; make it, or correct its name'],
  AccessDenied: accessDenied,
  InvalidAccessKeyId: badCredentials,
  SignatureDoesNotMatch: badCredentials,
  ExpiredToken: badCredentials,
  InvalidToken: badCredentials,
  CredentialsProviderError: [
    'STORE_BAD_CREDENTIALS',
    'no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role',
  ],
  RequestTimeTooSkewed: ['STORE_BAD_CREDENTIALS', 'the clock of this machine is wrong; set it by NTP'],
  AuthorizationHeaderMalformed: wrongRegion,
  PermanentRedirect: wrongRegion,
  InvalidRange: badRange,
  EntityTooLarge: tooLarge,
  QuotaExceeded: ['STORE_FULL', 'the quota is used up; raise it or free some space'],
  KeyTooLongError: ['STORE_BAD_KEY', 'the store does not take keys of this length'],
  NotImplemented: unsupported,
  MethodNotAllowed: unsupported,
  BadDigest: corrupted,
  XAmzContentChecksumMismatch: corrupted,
  XAmzContentSHA256Mismatch: corrupted,
}

const byStatus: Readonly<Record<number, Meaning>> = {
  301: wrongRegion,
  401: badCredentials,
  403: accessDenied,
  404: notFound,
  405: unsupported,
  413: tooLarge,
  416: badRange,
  501: unsupported,
  507: ['STORE_FULL', 'the store has no space left'],
}

/** Names that say "not now" whatever their status; 5xx other than 501 and 507 do too. */
const transientNames = new Set([
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
])

export interface S3Failure {
  readonly url: string
  readonly key?: string
  readonly operation: string
}

interface S3ErrorFacts {
  readonly name: string
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly systemCode: string | undefined
  /** Where the connection was to go, by Node's own errors: `10.0.0.1:443`, or a name that could not be resolved. */
  readonly peer: string | undefined
}

/** Name, status and system code: all that errors are told apart by, never their text. */
export function s3ErrorFacts(error: unknown): S3ErrorFacts {
  const { name, code, address, port, hostname, $metadata } = (error ?? {}) as {
    readonly name?: string
    readonly code?: unknown
    readonly address?: string
    readonly port?: number
    readonly hostname?: string
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  }
  return {
    name: name ?? 'Error',
    status: $metadata?.httpStatusCode,
    requestId: $metadata?.requestId,
    systemCode: typeof code === 'string' ? code : undefined,
    peer: address === undefined ? hostname : `${address}:${port}`,
  }
}

/** True when no answer came, or one that says to try again. */
export function isTransient(error: unknown): boolean {
  if (isObjectStoreError(error)) return error.code === 'STORE_STALLED'
  const { name, status, systemCode } = s3ErrorFacts(error)
  if (transientNames.has(name)) return true
  if (status === undefined) return systemCode !== undefined || name === 'TimeoutError'
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507)
}

/** What an error of the SDK means for the store. */
export function s3Error(error: unknown, { url, key, operation }: S3Failure): Error {
  if (isObjectStoreError(error)) return error
  const { name, status, requestId, systemCode, peer } = s3ErrorFacts(error)
  const [code, meaning] = meaningOf(error)
  const object = key === undefined ? url : `${JSON.stringify(key)} in ${url}`
  const what = [systemCode ?? name, peer].filter((fact) => fact !== undefined).join(' ')
  const said = [what, status].filter((fact) => fact !== undefined).join(', HTTP ')
  return new ObjectStoreError(code, `${operation} of ${object} failed: ${meaning} (${said})`, {
    details: { url, key, operation, errorName: systemCode ?? name, httpStatus: status, requestId },
    cause: error,
  })
}

function meaningOf(error: unknown): Meaning {
  const { name, status, systemCode } = s3ErrorFacts(error)
  const named = Object.hasOwn(byName, name) ? byName[name] : undefined
  if (named !== undefined) return named
  if (status === undefined) {
    return systemCode !== undefined || name === 'TimeoutError'
      ? unreachable
      : ['STORE_FAILED', errorMessage(error)]
  }
  return byStatus[status] ?? (isTransient(error) ? busy : ['STORE_FAILED', errorMessage(error)])
}
