export { compareContents, type ComparedContents, type CompareOptions } from './compare-contents.ts'
export { renderHtml } from './render-html.ts'
export type { Difference, PhaseTime, TableContent, TableVerdict, VerificationReport } from './report.ts'
export {
  isRestoreVerifyError,
  restoreVerifyErrorCodes,
  RestoreVerifyError,
  type RestoreVerifyErrorCode,
  type RestoreVerifyErrorDetails,
} from './restore-verify-error.ts'
export { verifyRestore, type VerifyProgress, type VerifyRestoreOptions } from './verify-restore.ts'
