import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  type DeleteMarkerEntry,
  type ObjectVersion,
} from '@aws-sdk/client-s3'
import { isRetentionError, RetentionError } from '../retention-error.ts'
import type { KeyResult, ObjectLock, Remover } from '../remove-keys.ts'
import { findLocks, readLock } from './locks.ts'
import { forEachConcurrently } from '../for-each-concurrently.ts'
import { fullKey, relativeKey, s3ErrorOf, s3Failure, type S3Location } from './s3-location.ts'

/** One version of an object, or a delete marker. */
export interface StoredVersion {
  readonly key: string
  readonly versionId: string
  readonly isMarker: boolean
  readonly isLatest: boolean
  readonly size: number
  /** ISO 8601. */
  readonly lastModified: string
}

const CONCURRENCY = 8
const BATCH_SIZE = 1000
/** XML 1.0 has no way to write these, so such keys do not fit into a batch. */
const NOT_IN_XML = /[\p{Cc}\uFFFE\uFFFF]/u

/**
 * Every version and delete marker under a prefix, key by key. Rejects with `RETENTION_STORE_FAILED`
 * where a server says that there is more but not where, as some do.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { listVersions } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * for await (const version of listVersions(location, 'main/app/')) console.log(version)
 * ```
 */
export async function* listVersions(
  location: S3Location,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<StoredVersion> {
  const { client, bucket } = location
  let keyMarker: string | undefined
  let versionMarker: string | undefined
  do {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket,
      Prefix: fullKey(location, prefix),
      KeyMarker: keyMarker,
      VersionIdMarker: versionMarker,
      EncodingType: 'url',
    })
    const page = await client.send(command, { abortSignal: signal }).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw s3Failure(error, `listing the versions in bucket ${bucket}`, 's3:ListBucketVersions')
    })
    const decode = (key: string | undefined): string => decodeKey(key, page.EncodingType)
    const entries = [
      ...(page.Versions ?? []).map((entry) => toVersion(decode(entry.Key), entry, entry.Size ?? 0)),
      ...(page.DeleteMarkers ?? []).map((entry) => toVersion(decode(entry.Key), entry)),
    ]
    for (const entry of entries.toSorted(byKeyNewestFirst)) {
      const key = relativeKey(location, entry.key)
      if (key !== undefined) yield { ...entry, key }
    }
    if (page.IsTruncated !== true) return
    const [nextKey, nextVersion] = [decode(page.NextKeyMarker), page.NextVersionIdMarker]
    if (
      nextKey === '' ||
      nextVersion === undefined ||
      nextVersion === '' ||
      (nextKey === keyMarker && nextVersion === versionMarker)
    ) {
      throw new RetentionError(
        'RETENTION_STORE_FAILED',
        `the list of versions in bucket ${bucket} is incomplete: the server says that there is more but not where; versions cannot be cleaned up there`,
      )
    }
    keyMarker = nextKey
    versionMarker = nextVersion
  } while (true)
}

/** All versions of one key; none of keys that only begin with it. */
async function versionsOf(
  location: S3Location,
  key: string,
  signal: AbortSignal | undefined,
): Promise<StoredVersion[]> {
  const versions: StoredVersion[] = []
  for await (const version of listVersions(location, key, signal)) {
    if (version.key !== key) break
    versions.push(version)
  }
  return versions
}

/** Options of {@link s3Remover}. */
export interface S3RemoverOptions extends S3Location {
  /**
   * What deleting means in a bucket that keeps versions. `mark` puts a delete marker, and leaves the
   * bytes to a lifecycle rule; `purge` deletes every version for good. @default 'mark'
   */
  readonly versions?: 'mark' | 'purge'
  /** How keys are deleted with `mark`; the store's own remover. */
  readonly plain: Remover['remove']
  /** @default now */
  readonly now?: () => Date
}

/**
 * Removes keys from a bucket that may keep versions or lock objects. Looks for locks first, and
 * never asks to bypass one.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { s3Store } from '@ops/object-store'
 * import { applyRetention, parsePolicy, planRetention, scanSets, storeRemover } from '@ops/s3-retention'
 * import { s3Remover } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * const store = s3Store(location)
 * const scan = () => scanSets({ store })
 * const remover = s3Remover({ ...location, versions: 'purge', plain: storeRemover(store).remove })
 * const plan = planRetention((await scan()).items, parsePolicy('keep 30d'), { now: new Date() })
 * console.log((await applyRetention(plan, { store, scan, remover })).deleted)
 * ```
 */
export function s3Remover(options: S3RemoverOptions): Remover {
  const { versions = 'mark', plain, now = () => new Date() } = options
  if (versions === 'mark') {
    return {
      findLocks: async (keys, signal) => await findLocks(options, keys, { now: now(), signal }),
      remove: plain,
    }
  }
  return {
    findLocks: async (keys, signal) => await findVersionLocks(options, keys, now(), signal),
    remove: async (keys, signal) => await purgeKeys(options, keys, signal),
  }
}

/**
 * The locks on any version of these keys that still hold at `now`.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { findVersionLocks } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * console.log(await findVersionLocks(location, ['main/app/dump.pgc.zst'], new Date(), undefined))
 * ```
 */
export async function findVersionLocks(
  location: S3Location,
  keys: readonly string[],
  now: Date,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, ObjectLock>> {
  const locks = new Map<string, ObjectLock>()
  await forEachConcurrently(keys, CONCURRENCY, async (key) => {
    for (const { versionId, isMarker } of await versionsOf(location, key, signal)) {
      if (isMarker) continue
      const lock = await readLock(location, { key, versionId, now, signal })
      if (lock !== undefined) locks.set(key, longerOf(lock, locks.get(key)))
    }
  })
  return locks
}

function longerOf(lock: ObjectLock, other: ObjectLock | undefined): ObjectLock {
  const until = [lock.until, other?.until]
    .filter((each) => each !== undefined)
    .toSorted()
    .at(-1)
  return { legalHold: lock.legalHold || other?.legalHold === true, ...(until === undefined ? {} : { until }) }
}

/**
 * Deletes all versions and markers of the keys; one result for each key.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { purgeKeys } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * console.log(await purgeKeys(location, ['main/app/dump.pgc.zst'], undefined))
 * ```
 */
export async function purgeKeys(
  location: S3Location,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<KeyResult[]> {
  const failures = new Map<string, KeyResult>()
  const versions: StoredVersion[] = []
  await forEachConcurrently(keys, CONCURRENCY, async (key) => {
    try {
      versions.push(...(await versionsOf(location, key, signal)))
    } catch (error) {
      signal?.throwIfAborted()
      failures.set(key, failureOf(key, error))
    }
  })
  const single = versions.filter(({ key }) => NOT_IN_XML.test(key))
  const batchable = versions.filter(({ key }) => !NOT_IN_XML.test(key))
  for (let at = 0; at < batchable.length; at += BATCH_SIZE) {
    await deleteBatch(location, batchable.slice(at, at + BATCH_SIZE), failures, signal)
  }
  await forEachConcurrently(single, CONCURRENCY, async ({ key, versionId }) => {
    const command = new DeleteObjectCommand({
      Bucket: location.bucket,
      Key: fullKey(location, key),
      VersionId: versionId,
    })
    await location.client.send(command, { abortSignal: signal }).catch((error: unknown) => {
      signal?.throwIfAborted()
      failures.set(key, failureOf(key, error))
    })
  })
  return keys.map((key) => failures.get(key) ?? { key, outcome: 'deleted' })
}

async function deleteBatch(
  location: S3Location,
  batch: readonly StoredVersion[],
  failures: Map<string, KeyResult>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const command = new DeleteObjectsCommand({
    Bucket: location.bucket,
    Delete: {
      Objects: batch.map(({ key, versionId }) => ({ Key: fullKey(location, key), VersionId: versionId })),
      Quiet: true,
    },
  })
  try {
    const { Errors = [] } = await location.client.send(command, { abortSignal: signal })
    for (const { Key = '', Code = 'unknown' } of Errors) {
      const key = relativeKey(location, Key) ?? Key
      failures.set(key, failed(key, Code === 'AccessDenied' ? 'STORE_ACCESS_DENIED' : 'STORE_FAILED', Code))
    }
  } catch (error) {
    signal?.throwIfAborted()
    for (const { key } of batch) failures.set(key, failureOf(key, error))
  }
}

function failureOf(key: string, error: unknown): KeyResult {
  const { name, status } = s3ErrorOf(isRetentionError(error) ? error.cause : error)
  return failed(key, status === 403 ? 'STORE_ACCESS_DENIED' : 'STORE_FAILED', name)
}

function failed(key: string, code: string, name: string): KeyResult {
  return {
    key,
    outcome: 'failed',
    code,
    message: `not all versions of ${JSON.stringify(key)} were deleted: the store says ${name}`,
  }
}

/** A page comes as two lists; together they go by key. */
function byKeyNewestFirst(a: StoredVersion, b: StoredVersion): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || (a.lastModified < b.lastModified ? 1 : -1)
}

/** An entry with a size is a version, one without a delete marker. */
function toVersion(key: string, entry: ObjectVersion | DeleteMarkerEntry, size?: number): StoredVersion {
  return {
    key,
    versionId: entry.VersionId ?? 'null',
    isMarker: size === undefined,
    isLatest: entry.IsLatest === true,
    size: size ?? 0,
    lastModified: (entry.LastModified ?? new Date(0)).toISOString(),
  }
}

function decodeKey(key: string | undefined, encodingType: string | undefined): string {
  if (key === undefined) return ''
  return encodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key
}
