/** The PgBouncer that the code will meet, as far as it is known. */
export interface Profile {
  /** `1.24.1`; `null` when unknown. */
  readonly version: string | null
  /** `pool_mode`. */
  readonly poolMode: 'session' | 'transaction' | 'statement'
  /** `max_prepared_statements`; `null` when unknown. */
  readonly maxPreparedStatements: number | null
  /** `ignore_startup_parameters`, taken apart. */
  readonly ignoreStartupParameters: readonly string[]
  /** `track_extra_parameters`, taken apart. */
  readonly trackExtraParameters: readonly string[]
  /** Where the facts come from. */
  readonly source: 'default' | 'flags' | 'pgbouncer.ini' | 'live'
}

/** What a caller knows of a PgBouncer. */
export type ProfileInput = Partial<Profile>

/**
 * Fills in what follows from the version: `max_prepared_statements` came in 1.21, and is 200 by default since 1.24.
 *
 * @example
 * ```ts
 * import { createProfile } from '@ops/pgbouncer-audit'
 *
 * console.log(createProfile({ version: '1.24.0' }).maxPreparedStatements) // 200
 * ```
 */
export function createProfile(input: ProfileInput = {}): Profile {
  const version = input.version ?? null
  return {
    version,
    poolMode: input.poolMode ?? 'transaction',
    maxPreparedStatements: preparedStatements(version, input.maxPreparedStatements ?? null),
    ignoreStartupParameters: input.ignoreStartupParameters ?? [],
    trackExtraParameters: input.trackExtraParameters ?? [],
    source: input.source ?? (Object.keys(input).length === 0 ? 'default' : 'flags'),
  }
}

function preparedStatements(version: string | null, given: number | null): number | null {
  if (version === null) return given
  if (!isAtLeast(version, '1.21')) return 0
  return given ?? (isAtLeast(version, '1.24') ? 200 : 0)
}

/** Whether `version` is `minimum` or newer, by major and minor number. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [major, minor] = numbers(version)
  const [minimumMajor, minimumMinor] = numbers(minimum)
  return major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)
}

function numbers(version: string): [number, number] {
  const match = /(\d+)\.(\d+)/.exec(version)
  return [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)]
}

/** Parameters whose value PgBouncer carries along with the client, in every version. */
const TRACKED = new Set([
  'client_encoding',
  'datestyle',
  'timezone',
  'standard_conforming_strings',
  'application_name',
])
/**
 * Parameters that PostgreSQL reports to clients. PgBouncer can be told to track these, and no
 * others; since 1.26 it tracks what is reported without being told. `search_path` is reported by
 * PostgreSQL 18 and Citus only, so it must be named.
 */
const REPORTED = new Set([
  'intervalstyle',
  'default_transaction_read_only',
  'session_authorization',
  'search_path',
  'scram_iterations',
])

/** Whether PgBouncer restores the client's own value of a parameter on whichever backend it gets. */
export function isTracked(name: string, profile: Profile): boolean {
  const lower = name.toLowerCase()
  if (TRACKED.has(lower)) return true
  if (!REPORTED.has(lower)) return false
  if (profile.trackExtraParameters.some((each) => each.toLowerCase() === lower)) return true
  if (lower === 'intervalstyle') return profile.version === null || isAtLeast(profile.version, '1.20')
  return (
    (lower === 'default_transaction_read_only' || lower === 'session_authorization') &&
    profile.version !== null &&
    isAtLeast(profile.version, '1.26')
  )
}

/** Whether PgBouncer accepts a parameter from a client that connects. */
export function acceptsAtStartup(name: string, viaOptions: boolean, profile: Profile): boolean {
  const ignored = new Set(profile.ignoreStartupParameters.map((each) => each.toLowerCase()))
  if (viaOptions && ignored.has('options')) return true
  if (viaOptions && profile.version !== null && !isAtLeast(profile.version, '1.20')) return false
  return ignored.has(name.toLowerCase()) || isTracked(name, profile)
}

/** What happens to named prepared statements at the protocol level. */
export function preparedStatementSupport(profile: Profile): 'works' | 'breaks' | 'unknown' {
  if (profile.maxPreparedStatements === null) return 'unknown'
  return profile.maxPreparedStatements > 0 ? 'works' : 'breaks'
}

/** The profile in words, for people. */
export function describeProfile(profile: Profile): string {
  const version = profile.version === null ? 'PgBouncer of unknown version' : `PgBouncer ${profile.version}`
  const prepared = profile.maxPreparedStatements === null ? 'unknown' : String(profile.maxPreparedStatements)
  return `${version}, ${profile.poolMode} pooling, max_prepared_statements ${prepared}`
}
