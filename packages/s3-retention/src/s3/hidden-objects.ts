import { listVersions, type StoredVersion } from './versions.ts'
import type { S3Location } from './s3-location.ts'

/** An object that a delete marker hides: no listing shows it, and all its versions still cost. */
export interface HiddenObject {
  readonly key: string
  readonly versions: number
  readonly bytes: number
  /** When it was deleted; ISO 8601. */
  readonly hiddenAt: string
}

/** Options of {@link findHiddenObjects}. */
export interface FindHiddenOptions extends S3Location {
  /** Only keys that begin with this. */
  readonly under?: string
  /** The time to reckon from. */
  readonly now: Date
  /** Only what was deleted longer ago than this: until then it can still be brought back. */
  readonly graceHours: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * What was deleted from a versioned bucket more than a grace period ago and still takes space.
 *
 * @example
 * ```ts
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { findHiddenObjects } from '@ops/s3-retention/s3'
 *
 * const hidden = await findHiddenObjects({
 *   client: new S3Client(),
 *   bucket: 'backups',
 *   now: new Date(),
 *   graceHours: 72,
 * })
 * console.log(hidden.length)
 * ```
 */
export async function findHiddenObjects(options: FindHiddenOptions): Promise<HiddenObject[]> {
  const { under = '', now, graceHours, signal } = options
  const hidden: HiddenObject[] = []
  const limit = new Date(now.getTime() - graceHours * 3_600_000).toISOString()
  const finish = (versions: readonly StoredVersion[]): void => {
    const latest = versions.find(({ isLatest }) => isLatest)
    if (latest?.isMarker !== true || latest.lastModified >= limit) return
    const bytes = versions.reduce((sum, { size }) => sum + size, 0)
    hidden.push({ key: latest.key, versions: versions.length, bytes, hiddenAt: latest.lastModified })
  }
  let ofKey: StoredVersion[] = []
  for await (const version of listVersions(options, under, signal)) {
    if (ofKey.length > 0 && ofKey[0]!.key !== version.key) {
      finish(ofKey)
      ofKey = []
    }
    ofKey.push(version)
  }
  finish(ofKey)
  return hidden
}
