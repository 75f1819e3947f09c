import { brandError, OpsError } from '@ops/internal-error'

/** Every code an `ObjectStoreError` can have; the README says of each what to do. */
export const objectStoreErrorCodes = [
  'STORE_NOT_FOUND',
  'STORE_NO_BUCKET',
  'STORE_ACCESS_DENIED',
  'STORE_BAD_CREDENTIALS',
  'STORE_WRONG_REGION',
  'STORE_UNREACHABLE',
  'STORE_STALLED',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_TOO_LARGE',
  'STORE_TRUNCATED',
  'STORE_CHECKSUM_MISMATCH',
  'STORE_REPLACED',
  'STORE_BAD_KEY',
  'STORE_BAD_RANGE',
  'STORE_BAD_URL',
  'STORE_BAD_OPTION',
  'STORE_UNSUPPORTED',
  'STORE_FAILED',
] as const

/** One of {@link objectStoreErrorCodes}. */
export type ObjectStoreErrorCode = (typeof objectStoreErrorCodes)[number]

/** What an {@link ObjectStoreError} knows besides its message; as much of it as there is. */
export interface ObjectStoreErrorDetails {
  /** The store, as in `ObjectStore.url`. */
  readonly url?: string
  readonly key?: string
  /** The S3 operation or system call that failed. */
  readonly operation?: string
  /** The S3 error's name, or the system's error code. */
  readonly errorName?: string
  readonly httpStatus?: number
  /** What to quote to the operator of an S3 store. */
  readonly requestId?: string
  /** What a failed put could not remove again, and a person or a lifecycle rule has to. */
  readonly leftBehind?: { readonly key: string; readonly uploadId?: string }
}

/**
 * The one error of this package. Match on `code`; the message is for people and may change.
 *
 * @example
 * ```ts
 * import { fileStore, ObjectStoreError } from '@ops/object-store'
 *
 * try {
 *   await fileStore({ folder: '/backups' }).get('missing')
 * } catch (error) {
 *   if (error instanceof ObjectStoreError && error.code === 'STORE_NOT_FOUND') console.log(error.details.key)
 *   else throw error
 * }
 * ```
 */
export class ObjectStoreError extends OpsError<ObjectStoreErrorCode, ObjectStoreErrorDetails> {
  override readonly name = 'ObjectStoreError'
}

/**
 * True of an `ObjectStoreError`, also of one that another copy of this package made.
 *
 * @example
 * ```ts
 * import { fileStore, isObjectStoreError } from '@ops/object-store'
 *
 * const store = fileStore({ folder: '/backups' })
 * const note = await store.get('app/note.txt').catch((error: unknown) => {
 *   if (isObjectStoreError(error) && error.code === 'STORE_NOT_FOUND') return undefined
 *   throw error
 * })
 * if (note !== undefined) note.pipe(process.stdout)
 * ```
 */
export const isObjectStoreError: (value: unknown) => value is ObjectStoreError = brandError(
  ObjectStoreError,
  '@ops/object-store.ObjectStoreError',
)
