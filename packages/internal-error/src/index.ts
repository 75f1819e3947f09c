/**
 * The one error shape of every `@ops/*` package: a class per package with a literal `code`, a
 * `cause` and typed `details`, recognisable even when two copies of a package are installed.
 */

/** What a caller gives to raise an error. */
export interface OpsErrorOptions<Details> {
  /** Facts for programs; JSON-serialisable, never a secret. */
  details?: Details
  /** The error underneath, if there is one. */
  cause?: unknown
}

/** Base class. Match on `code`; the message is for people and may change. */
export abstract class OpsError<Code extends string, Details extends object = object> extends Error {
  readonly code: Code
  readonly details: Details

  constructor(code: Code, message: string, options: OpsErrorOptions<Details> = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? ({} as Details)
  }
}

/**
 * Marks every instance of `errorClass` with `Symbol.for(brand)`, which is the same symbol in every
 * copy of the package, and returns the guard that looks for it.
 */
export function brandError<E extends Error>(
  errorClass: { readonly prototype: E },
  brand: string,
): (value: unknown) => value is E {
  const symbol = Symbol.for(brand)
  Object.defineProperty(errorClass.prototype, symbol, { value: true })
  return (value: unknown): value is E =>
    typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[symbol] === true
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(errorMessage).join('; ')
  return error instanceof Error ? error.message : String(error)
}
