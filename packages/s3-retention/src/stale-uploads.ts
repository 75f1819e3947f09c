import type { ObjectStore, PendingUpload } from '@ops/object-store'
import { errorMessage } from '@ops/internal-error'
import { toRetentionError } from './store-failure.ts'
import { timeOfBackupId } from './time-in-name.ts'

/** Options of {@link findStaleUploads}. */
export interface FindStaleUploadsOptions {
  /** Where to look. */
  readonly store: ObjectStore
  /** @default '' */
  readonly prefix?: string
  /** The time to reckon from. */
  readonly now: Date
  /** How old an upload must be at least. */
  readonly graceHours: number
  /** When the newest part was stored; see `newestPart`. Without it, only the upload's start and the key say how old it is. */
  readonly newestPart?: (upload: PendingUpload, signal?: AbortSignal) => Promise<Date | undefined>
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** An upload that was begun, never finished, and in which nothing happened for the grace period. */
export interface StaleUpload {
  readonly key: string
  readonly uploadId: string
  /** The last sign of life; ISO 8601. */
  readonly lastSeen: string
}

/**
 * Uploads without a sign of life for the grace period. Some servers report a start that is years
 * old for every upload, so the start alone does not count: the time in the key and the newest part do too.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { s3Store } from '@ops/object-store'
 * import { findStaleUploads } from '@ops/s3-retention'
 * import { newestPart } from '@ops/s3-retention/s3'
 *
 * const location = { client: new S3Client(), bucket: 'backups' }
 * const uploads = await findStaleUploads({
 *   store: s3Store(location),
 *   now: new Date(),
 *   graceHours: 72,
 *   newestPart: (upload, signal) => newestPart(location, upload, signal),
 * })
 * console.log(uploads.map(({ key }) => key))
 * ```
 */
export async function findStaleUploads(options: FindStaleUploadsOptions): Promise<StaleUpload[]> {
  const { store, prefix = '', now, graceHours, newestPart, signal } = options
  const limit = now.getTime() - graceHours * 3_600_000
  const stale: StaleUpload[] = []
  try {
    for await (const upload of store.listPendingUploads({ prefix, signal })) {
      const named = upload.key
        .split('/')
        .map(timeOfBackupId)
        .find((time) => time !== undefined)
      let seen = Math.max(upload.startedAt.getTime(), named ?? 0)
      if (seen >= limit) continue
      const part = await newestPart?.(upload, signal)
      seen = Math.max(seen, part?.getTime() ?? 0)
      if (seen < limit)
        stale.push({ key: upload.key, uploadId: upload.uploadId, lastSeen: new Date(seen).toISOString() })
    }
  } catch (error) {
    throw toRetentionError(error, `listing the unfinished uploads in ${store.url}`, signal)
  }
  return stale
}

/** What became of one stale upload. */
export interface AbortReport {
  readonly key: string
  readonly uploadId: string
  readonly aborted: boolean
  /** Why not. */
  readonly message?: string
}

/**
 * Removes what stale uploads have stored; one that fails is reported, and the others go on.
 *
 * @example
 * ```ts
 * import { openStore } from '@ops/object-store'
 * import { abortStaleUploads, findStaleUploads } from '@ops/s3-retention'
 *
 * await using store = await openStore('s3://backups')
 * const uploads = await findStaleUploads({ store, now: new Date(), graceHours: 72 })
 * for (const { key, aborted, message } of await abortStaleUploads(store, uploads)) {
 *   console.log(key, aborted ? 'gone' : message)
 * }
 * ```
 */
export async function abortStaleUploads(
  store: ObjectStore,
  uploads: readonly StaleUpload[],
  signal?: AbortSignal,
): Promise<AbortReport[]> {
  const reports: AbortReport[] = []
  for (const { key, uploadId, lastSeen } of uploads) {
    try {
      await store.abortPendingUpload({ key, uploadId, startedAt: new Date(lastSeen) }, { signal })
      reports.push({ key, uploadId, aborted: true })
    } catch (error) {
      signal?.throwIfAborted()
      reports.push({ key, uploadId, aborted: false, message: errorMessage(error) })
    }
  }
  return reports
}
