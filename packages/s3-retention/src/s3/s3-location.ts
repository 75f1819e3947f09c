import type { S3Client } from '@aws-sdk/client-s3'
import { RetentionError } from '../retention-error.ts'

/** A bucket, or a prefix in it, for what only S3 has. `openStore(url)` of `@ops/object-store` gives one as `s3`. */
export interface S3Location {
  /** Stays open. */
  readonly client: S3Client
  /** The name of the bucket. */
  readonly bucket: string
  /** Put before every key, with a slash between. @default '' */
  readonly prefix?: string
}

/** The key in the bucket. */
export function fullKey({ prefix = '' }: S3Location, key: string): string {
  return prefix === '' ? key : `${prefix}/${key}`
}

/** The key in the store, or `undefined` when it lies outside of it. */
export function relativeKey({ prefix = '' }: S3Location, key: string): string | undefined {
  if (prefix === '') return key
  return key.startsWith(`${prefix}/`) ? key.slice(prefix.length + 1) : undefined
}

/** What an S3 error is told apart by: its name and status, never its text, which some servers leave empty. */
export function s3ErrorOf(error: unknown): { name: string; status: number | undefined } {
  const facts: { name?: unknown; $metadata?: { httpStatusCode?: number } } =
    typeof error === 'object' && error !== null ? error : {}
  return {
    name: typeof facts.name === 'string' ? facts.name : 'Error',
    status: facts.$metadata?.httpStatusCode,
  }
}

/** What a failed request of ours means; names the permission, as a lack of it is the usual cause. */
export function s3Failure(error: unknown, doing: string, permission: string): RetentionError {
  const { name, status } = s3ErrorOf(error)
  const http = status === undefined ? '' : `, HTTP ${status}`
  return new RetentionError(
    'RETENTION_STORE_FAILED',
    `${doing} failed: the store says ${name}${http}; the credentials need the permission ${permission}`,
    { cause: error },
  )
}
