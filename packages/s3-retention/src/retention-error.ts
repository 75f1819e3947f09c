import { brandError, OpsError } from '@ops/internal-error'

/** Every code of {@link RetentionError}; the README says what each one means. */
export const RETENTION_ERROR_CODES = [
  'RETENTION_POLICY_INVALID',
  'RETENTION_POLICY_EMPTY',
  'RETENTION_POLICY_KEEPS_NOTHING',
  'RETENTION_TIME_ZONE_UNKNOWN',
  'RETENTION_OPTION_INVALID',
  'RETENTION_ITEM_INVALID',
  'RETENTION_NOTHING_FOUND',
  'RETENTION_STORE_FAILED',
  'RETENTION_TOO_MUCH',
  'RETENTION_WORLD_CHANGED',
] as const

/** One of {@link RETENTION_ERROR_CODES}. */
export type RetentionErrorCode = (typeof RETENTION_ERROR_CODES)[number]

/** Facts beside the message, as far as they apply. */
export interface RetentionErrorDetails {
  /** The store, without credentials. */
  store?: string
  /** The object, set or prefix that the error is about. */
  key?: string
  /** The code of the store's error underneath. */
  storeCode?: string
  /** How many items, in the plan or wanted. */
  planned?: number
  /** How many items, in the store or allowed. */
  found?: number
}

/**
 * What every function of `@ops/s3-retention` throws or rejects with, unless it was aborted.
 *
 * @example
 * ```ts
 * import { parsePolicy, RetentionError } from '@ops/s3-retention'
 *
 * try {
 *   parsePolicy('keep some')
 * } catch (error) {
 *   if (error instanceof RetentionError) console.log(error.code) // RETENTION_POLICY_INVALID
 * }
 * ```
 */
export class RetentionError extends OpsError<RetentionErrorCode, RetentionErrorDetails> {
  override readonly name = 'RetentionError'
}

/**
 * Recognises a {@link RetentionError}, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { isRetentionError, parsePolicy } from '@ops/s3-retention'
 *
 * try {
 *   parsePolicy(process.argv[2] ?? '')
 * } catch (error) {
 *   if (isRetentionError(error) && error.code === 'RETENTION_POLICY_EMPTY') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export const isRetentionError: (value: unknown) => value is RetentionError = brandError(
  RetentionError,
  '@ops/s3-retention/error',
)
