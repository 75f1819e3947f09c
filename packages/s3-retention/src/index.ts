/**
 * Which dated objects or backup sets to keep, why, and how the rest is deleted without going wrong.
 * @module @ops/s3-retention
 */
export {
  isRetentionError,
  RETENTION_ERROR_CODES,
  RetentionError,
  type RetentionErrorCode,
  type RetentionErrorDetails,
} from './retention-error.ts'
export { type RetentionPolicy } from './policy.ts'
export { formatPolicy, parsePolicy } from './policy-text.ts'
export { type RetentionItem, type StoredObject, type TimeSource } from './retention-item.ts'
export {
  planRetention,
  type Amount,
  type GroupSummary,
  type ItemState,
  type PlanOptions,
  type RetentionDecision,
  type RetentionPlan,
} from './plan.ts'
export { findGaps, type FindGapsOptions, type GapRun, type GapWindow, type GroupGaps } from './gaps.ts'
export { type Period } from './period.ts'
export { scanSets, type ScanSetsOptions } from './scan-sets.ts'
export { scanObjects, type ScanObjectsOptions } from './scan-objects.ts'
export { type Scan, type ScanProgress } from './scan.ts'
export {
  applyRetention,
  checkMaxDelete,
  type ApplyOptions,
  type ApplyProgress,
  type ApplyResult,
  type ItemOutcome,
  type ItemReport,
} from './apply.ts'
export { type KeyResult, type ObjectLock, type Remover } from './remove-keys.ts'
export {
  abortStaleUploads,
  findStaleUploads,
  type AbortReport,
  type FindStaleUploadsOptions,
  type StaleUpload,
} from './stale-uploads.ts'
export { storeRemover } from './remove-keys.ts'
export { explainDecision, type Explanation } from './explain.ts'
export { withLocks } from './item-locks.ts'
