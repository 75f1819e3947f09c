import { brandError, OpsError } from '@ops/internal-error'

/** Every code of {@link RestoreVerifyError}; the README says what each one means. */
export const restoreVerifyErrorCodes = [
  'VERIFY_BAD_OPTIONS',
  'VERIFY_NOT_COMPARABLE',
  'VERIFY_TARGET_IS_SOURCE',
  'VERIFY_TARGET_UNAVAILABLE',
  'VERIFY_TARGET_LACKS',
  'VERIFY_TARGET_FAILED',
  'VERIFY_NO_SPACE',
  'VERIFY_SCRATCH_FAILED',
  'VERIFY_RECORD_INVALID',
  'VERIFY_NO_REPORT',
] as const

/** One of {@link restoreVerifyErrorCodes}. */
export type RestoreVerifyErrorCode = (typeof restoreVerifyErrorCodes)[number]

/** Facts beside the message, as far as they apply. */
export interface RestoreVerifyErrorDetails {
  /** The scratch database that the error is about. */
  scratchDatabase?: string
  /** What the target does not have and the backup needs. */
  lacks?: string[]
  /** The object in the store that the error is about. */
  key?: string
}

/**
 * The drill could not be run. What the drill found out about the backup is in its report, not in an error.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { RestoreVerifyError, verifyRestore } from '@ops/restore-verify'
 *
 * try {
 *   await verifyRestore({ store: fileStore({ folder: '/backups' }), database: 'app' })
 * } catch (error) {
 *   if (error instanceof RestoreVerifyError) console.error('the drill could not be run:', error.code, error.message)
 *   else throw error
 * }
 * ```
 */
export class RestoreVerifyError extends OpsError<RestoreVerifyErrorCode, RestoreVerifyErrorDetails> {
  override readonly name = 'RestoreVerifyError'
}

/**
 * Recognises a {@link RestoreVerifyError}, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { isRestoreVerifyError, verifyRestore } from '@ops/restore-verify'
 *
 * try {
 *   await verifyRestore({ store: fileStore({ folder: '/backups' }), database: 'app' })
 * } catch (error) {
 *   if (isRestoreVerifyError(error) && error.code === 'VERIFY_TARGET_IS_SOURCE') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export const isRestoreVerifyError: (value: unknown) => value is RestoreVerifyError = brandError(
  RestoreVerifyError,
  '@ops/restore-verify/error',
)
