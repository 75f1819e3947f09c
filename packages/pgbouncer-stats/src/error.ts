import { brandError, OpsError, type OpsErrorOptions } from '@ops/internal-error'

/** Every code that this package's errors carry; the README's table explains them. */
export const PGBOUNCER_STATS_ERROR_CODES = [
  'PGBOUNCER_UNREACHABLE',
  'PGBOUNCER_TLS_FAILED',
  'PGBOUNCER_LOGIN_FAILED',
  'PGBOUNCER_NOT_ALLOWED',
  'PGBOUNCER_TIMEOUT',
  'PGBOUNCER_CONNECTION_LOST',
  'PGBOUNCER_PROTOCOL_ERROR',
  'PGBOUNCER_COMMAND_FAILED',
  'PGBOUNCER_BAD_CONNECTION',
  'PGBOUNCER_BAD_OPTIONS',
  'PGBOUNCER_CONFIG_UNREADABLE',
  'PGBOUNCER_USERLIST_INVALID',
  'PGBOUNCER_CREDENTIALS_UNREADABLE',
] as const

/** One of {@link PGBOUNCER_STATS_ERROR_CODES}. */
export type PgBouncerStatsErrorCode = (typeof PGBOUNCER_STATS_ERROR_CODES)[number]

/** What a {@link PgBouncerStatsError} knows besides its message; as much of it as there is. */
export interface PgBouncerStatsErrorDetails {
  /** Which PgBouncer, as `host:port` or the socket's path. */
  readonly target?: string
  /** The admin command that failed. */
  readonly command?: string
  /** SQLSTATE, where the server gave one. */
  readonly sqlState?: string
  /** The file that was read or written. */
  readonly file?: string
  /** The line in that file, from 1. */
  readonly line?: number
}

/**
 * Everything that fails in this package, except an abort, which rejects with the signal's own reason.
 *
 * @example
 * ```ts
 * import { PgBouncerStatsError, readPgBouncer } from '@ops/pgbouncer-stats'
 *
 * try {
 *   await readPgBouncer({ connection: { host: 'localhost', user: 'stats' } })
 * } catch (error) {
 *   if (error instanceof PgBouncerStatsError) console.error(error.code, error.details.target)
 *   else throw error
 * }
 * ```
 */
export class PgBouncerStatsError extends OpsError<PgBouncerStatsErrorCode, PgBouncerStatsErrorDetails> {
  override readonly name = 'PgBouncerStatsError'
  constructor(
    code: PgBouncerStatsErrorCode,
    message: string,
    options: OpsErrorOptions<PgBouncerStatsErrorDetails> = {},
  ) {
    super(code, message, options)
  }
}

/**
 * Whether `value` is an error of this package, from whichever copy of it.
 *
 * @example
 * ```ts
 * import { isPgBouncerStatsError, parseConnectionUrl } from '@ops/pgbouncer-stats'
 *
 * try {
 *   parseConnectionUrl(process.argv[2])
 * } catch (error) {
 *   if (isPgBouncerStatsError(error) && error.code === 'PGBOUNCER_BAD_CONNECTION') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export const isPgBouncerStatsError: (value: unknown) => value is PgBouncerStatsError = brandError(
  PgBouncerStatsError,
  'ops.pgbouncer-stats.error',
)
