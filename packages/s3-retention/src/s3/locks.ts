import {
  HeadObjectCommand,
  PutObjectRetentionCommand,
  type ObjectLockRetentionMode,
} from '@aws-sdk/client-s3'
import { RetentionError } from '../retention-error.ts'
import type { ObjectLock } from '../remove-keys.ts'
import { forEachConcurrently } from '../for-each-concurrently.ts'
import { fullKey, s3ErrorOf, s3Failure, type S3Location } from './s3-location.ts'

const CONCURRENCY = 8

/**
 * The locks on these keys' current versions, as far as they still hold at `now`. Needs s3:GetObjectRetention and s3:GetObjectLegalHold.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { findLocks } from '@ops/s3-retention/s3'
 *
 * const locks = await findLocks({ client: new S3Client(), bucket: 'backups' }, ['main/app/dump.pgc.zst'])
 * for (const [key, lock] of locks) console.log(key, lock)
 * ```
 */
export async function findLocks(
  location: S3Location,
  keys: readonly string[],
  { now = new Date(), signal }: { readonly now?: Date; readonly signal?: AbortSignal } = {},
): Promise<ReadonlyMap<string, ObjectLock>> {
  const locks = new Map<string, ObjectLock>()
  await forEachConcurrently(keys, CONCURRENCY, async (key) => {
    const lock = await readLock(location, { key, now, signal })
    if (lock !== undefined) locks.set(key, lock)
  })
  return locks
}

export interface VersionRef {
  readonly key: string
  /** @default the current version */
  readonly versionId?: string
  readonly now: Date
  readonly signal: AbortSignal | undefined
}

/** The lock on one version; `undefined` when there is none that still holds, or no such object. */
export async function readLock(location: S3Location, ref: VersionRef): Promise<ObjectLock | undefined> {
  const { key, versionId, now, signal } = ref
  const command = new HeadObjectCommand({
    Bucket: location.bucket,
    Key: fullKey(location, key),
    VersionId: versionId,
  })
  try {
    const head = await location.client.send(command, { abortSignal: signal })
    const until = head.ObjectLockRetainUntilDate
    const isLocked = until !== undefined && until > now
    const legalHold = head.ObjectLockLegalHoldStatus === 'ON'
    if (!isLocked && !legalHold) return undefined
    return { legalHold, ...(isLocked ? { until: until.toISOString() } : {}) }
  } catch (error) {
    signal?.throwIfAborted()
    const { status } = s3ErrorOf(error)
    // Gone, or a delete marker: nothing there to be locked.
    if (status === 404 || status === 405) return undefined
    throw s3Failure(
      error,
      `asking for the lock on ${JSON.stringify(key)}`,
      's3:GetObject and s3:GetObjectRetention',
    )
  }
}

/** Options of {@link lockUntil}. */
export interface LockUntilOptions extends S3Location {
  /** The keys of a new backup's objects, the manifest among them. */
  readonly keys: readonly string[]
  /** The end of the lock; one that ends later stays as it is. */
  readonly until: Date
  /** `COMPLIANCE` cannot be shortened or lifted by anyone, the account's owner included. @default 'GOVERNANCE' */
  readonly mode?: ObjectLockRetentionMode
  /** @default now */
  readonly now?: Date
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * Locks objects until a date, and reads each lock back, as some servers take the request and do
 * nothing. Locks only ever get longer. Rejects with `RETENTION_OPTION_INVALID` for a date that is
 * over, and with `RETENTION_STORE_FAILED`, naming the key, for one that could not be locked.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { lockUntil } from '@ops/s3-retention/s3'
 *
 * await lockUntil({
 *   client: new S3Client(),
 *   bucket: 'backups',
 *   keys: ['main/app/dump.pgc.zst', 'main/app/manifest.json'],
 *   until: new Date(Date.now() + 30 * 86_400_000),
 * })
 * ```
 */
export async function lockUntil(options: LockUntilOptions): Promise<void> {
  const { keys, until, mode = 'GOVERNANCE', now = new Date(), signal } = options
  if (!(until > now)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `a lock until ${until.toISOString()} would be over already`,
    )
  }
  await forEachConcurrently(keys, CONCURRENCY, async (key) => {
    const before = await lockOrFail(options, key, async () => await readLock(options, { key, now, signal }))
    if (before?.until !== undefined && Date.parse(before.until) >= until.getTime()) return
    const command = new PutObjectRetentionCommand({
      Bucket: options.bucket,
      Key: fullKey(options, key),
      Retention: { Mode: mode, RetainUntilDate: until },
    })
    await lockOrFail(options, key, async () => await options.client.send(command, { abortSignal: signal }))
    const after = await lockOrFail(options, key, async () => await readLock(options, { key, now, signal }))
    // Servers keep whole seconds.
    if (after?.until === undefined || Date.parse(after.until) < until.getTime() - 1000) {
      throw lockFailed(options, key, 'the store took the request and did not lock it')
    }
  })
}

async function lockOrFail<Answer>(
  options: LockUntilOptions,
  key: string,
  send: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await send()
  } catch (error) {
    options.signal?.throwIfAborted()
    const { name, status } = s3ErrorOf(error)
    throw lockFailed(
      options,
      key,
      `the store says ${name} (HTTP ${status}); the bucket needs Object Lock, and the credentials s3:PutObjectRetention and s3:GetObjectRetention`,
      error,
    )
  }
}

function lockFailed(
  { bucket, until }: LockUntilOptions,
  key: string,
  why: string,
  cause?: unknown,
): RetentionError {
  return new RetentionError(
    'RETENTION_STORE_FAILED',
    `${JSON.stringify(key)} in bucket ${bucket} could not be locked until ${until.toISOString()}: ${why}`,
    { details: { key }, cause },
  )
}
