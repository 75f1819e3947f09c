import { brandError, OpsError } from '@ops/internal-error'

/** Every code of {@link PgbouncerAuditError}. */
export const PGBOUNCER_AUDIT_ERROR_CODES = [
  'AUDIT_PATH_NOT_FOUND',
  'AUDIT_BAD_BASELINE',
  'AUDIT_BAD_PROFILE',
  'AUDIT_LIVE_FAILED',
] as const

/** One of {@link PGBOUNCER_AUDIT_ERROR_CODES}. */
export type PgbouncerAuditErrorCode = (typeof PGBOUNCER_AUDIT_ERROR_CODES)[number]

/** What a {@link PgbouncerAuditError} knows besides its message. */
export interface PgbouncerAuditErrorDetails {
  /** The file or folder concerned. */
  readonly path?: string
}

/**
 * The only error this package raises by itself. Match on `code`.
 *
 * @example
 * ```ts
 * import { auditSource, PgbouncerAuditError } from '@ops/pgbouncer-audit'
 *
 * try {
 *   await auditSource({ cwd: 'no/such/folder' })
 * } catch (error) {
 *   if (error instanceof PgbouncerAuditError) console.error(error.code) // AUDIT_PATH_NOT_FOUND
 * }
 * ```
 */
export class PgbouncerAuditError extends OpsError<PgbouncerAuditErrorCode, PgbouncerAuditErrorDetails> {
  override readonly name = 'PgbouncerAuditError'
}

/**
 * Recognises the error across copies of this package.
 *
 * @example
 * ```ts
 * import { auditSource, isPgbouncerAuditError } from '@ops/pgbouncer-audit'
 *
 * try {
 *   await auditSource({ cwd: process.argv[2] ?? '.' })
 * } catch (error) {
 *   if (isPgbouncerAuditError(error) && error.code === 'AUDIT_PATH_NOT_FOUND') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export const isPgbouncerAuditError: (value: unknown) => value is PgbouncerAuditError = brandError(
  PgbouncerAuditError,
  '@ops/pgbouncer-audit/error',
)
