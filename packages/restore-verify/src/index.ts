/**
 * Prove that a backup restores, to the content.
 * @module @ops/restore-verify
 */
export type { Assertion } from './checks/assertions.ts'
export type { AdaptOptions } from './prepare-target.ts'
export { readRecord, readReport } from './record.ts'
export { HTML_POLICY, renderHtml } from './render-html.ts'
export { renderJunit } from './render-junit.ts'
export { renderMarkdown } from './render-markdown.ts'
export {
  reportJsonSchema,
  verificationJsonSchema,
  type DrillSummary,
  type VerificationRecord,
} from './report-schema.ts'
export {
  checkNames,
  type CheckName,
  type CheckOutcome,
  type Difference,
  type PhaseTime,
  type TableContent,
  type TableVerdict,
  type VerificationReport,
} from './report.ts'
export {
  isRestoreVerifyError,
  restoreVerifyErrorCodes,
  RestoreVerifyError,
  type RestoreVerifyErrorCode,
  type RestoreVerifyErrorDetails,
} from './restore-verify-error.ts'
export { selectBackups, type SelectOptions, type Which } from './select-backups.ts'
export type { ContainerTargetOptions } from './targets/container-target.ts'
export type { LocalTargetOptions } from './targets/local-target.ts'
export type { ServerTargetOptions } from './targets/server-target.ts'
export type { TargetOptions } from './targets/target.ts'
export { verifyBackups, type DrillResult, type VerifyBackupsOptions } from './verify-backups.ts'
export { verifyRestore, type VerifyProgress, type VerifyRestoreOptions } from './verify-restore.ts'
