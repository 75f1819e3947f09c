import { brandError, OpsError } from '@ops/internal-error'

/** Every code of {@link RestoreVerifyError}; the README says what each one means. */
export const restoreVerifyErrorCodes = ['VERIFY_SCRATCH_FAILED', 'VERIFY_NOT_COMPARABLE'] as const

export type RestoreVerifyErrorCode = (typeof restoreVerifyErrorCodes)[number]

export interface RestoreVerifyErrorDetails {
  /** The scratch database that the error is about. */
  scratchDatabase?: string
}

/** The drill could not be run. What the drill found out about the backup is in its report, not in an error. */
export class RestoreVerifyError extends OpsError<RestoreVerifyErrorCode, RestoreVerifyErrorDetails> {
  override readonly name = 'RestoreVerifyError'
}

/** Recognises a {@link RestoreVerifyError}, also one of another copy of this package. */
export const isRestoreVerifyError: (value: unknown) => value is RestoreVerifyError = brandError(
  RestoreVerifyError,
  '@ops/restore-verify/error',
)
