/**
 * What only S3 has: versions, Object Lock, legal holds, lifecycle rules. Needs `@aws-sdk/client-s3`.
 * @module @ops/s3-retention/s3
 */
export { inspectBucket, type BucketFacts, type InspectBucketOptions } from './s3/inspect-bucket.ts'
export { findLocks, lockUntil, type LockUntilOptions } from './s3/locks.ts'
export {
  findVersionLocks,
  listVersions,
  purgeKeys,
  s3Remover,
  type S3RemoverOptions,
  type StoredVersion,
} from './s3/versions.ts'
export { findHiddenObjects, type FindHiddenOptions, type HiddenObject } from './s3/hidden-objects.ts'
export { newestPart } from './s3/newest-part.ts'
export { type S3Location } from './s3/s3-location.ts'
