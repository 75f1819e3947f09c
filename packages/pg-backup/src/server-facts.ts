import { runPsql, type PsqlOptions } from './run-psql.ts'

/** What a backup needs to know of the server and the database it takes. */
export interface ServerFacts {
  readonly database: string
  /** `17.6`, or with the packager's note `17.6 (Debian 17.6-1.pgdg13+1)`. */
  readonly version: string
  readonly major: number
  /** Names the cluster for good; `undefined` where a managed service hides it. */
  readonly systemIdentifier?: string
  readonly timeline?: number
  readonly isStandby: boolean
  /** Queries in this database that replaying WAL has cancelled; `undefined` where nothing is replayed. */
  readonly recoveryConflicts?: number
  /** The WAL position at the time of asking. */
  readonly lsn: string
  readonly encoding: string
  readonly collate: string
  readonly ctype: string
  /** Whose rules text is compared by, `libc`, `icu` or `builtin`; absent before PostgreSQL 15, which has libc alone. */
  readonly localeProvider?: 'libc' | 'icu' | 'builtin'
  /** The locale of `icu` or `builtin`. */
  readonly locale?: string
  /** What `icu` adds to the rules of its locale. */
  readonly icuRules?: string
  /** `pg_database_size`: on disk, with indexes. */
  readonly sizeBytes: number
  /** How the role's sessions write `bytea`: `hex` or `escape`. */
  readonly byteaOutput: string
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly schema: string }[]
}

/** Anybody may read it. Server processes report to it when they end. */
const RECOVERY_CONFLICTS =
  'SELECT confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock' +
  ' FROM pg_stat_database_conflicts WHERE datname = current_database()'

/**
 * In a transaction, whose settings do not outlive it: a role's time limits do not end it, and behind
 * a pooler nobody else gets to see them.
 *
 * Which columns `pg_database` has depends on the version, so some are asked for by name.
 *
 * The control file's functions may be denied to the role (some managed services do), and a denied
 * function fails the whole statement; so it is asked for only where it is allowed.
 */
const QUERY: string = String.raw`
BEGIN READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT current_setting('server_version_num')::int >= 170000 AS has_transaction_timeout \gset
\if :has_transaction_timeout
  SET LOCAL transaction_timeout = 0;
\endif
SELECT has_function_privilege('pg_control_system()', 'execute')
   AND has_function_privilege('pg_control_checkpoint()', 'execute') AS may_read_control \gset
\if :may_read_control
  SELECT system_identifier AS "systemIdentifier", timeline_id AS timeline
    FROM pg_control_system(), pg_control_checkpoint() \gset
\else
  \set systemIdentifier ''
  \set timeline ''
\endif
SELECT json_build_object(
  'database', d.datname,
  'version', current_setting('server_version'),
  'versionNumber', current_setting('server_version_num')::int,
  'systemIdentifier', nullif(:'systemIdentifier', ''),
  'timeline', nullif(:'timeline', '')::int,
  'isStandby', pg_is_in_recovery(),
  'recoveryConflicts', CASE WHEN pg_is_in_recovery() THEN (${RECOVERY_CONFLICTS}) END,
  'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
  'encoding', pg_encoding_to_char(d.encoding),
  'collate', d.datcollate,
  'ctype', d.datctype,
  'localeProvider', CASE own->>'datlocprovider' WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END,
  'locale', coalesce(own->>'datlocale', own->>'daticulocale'),
  'icuRules', own->>'daticurules',
  'sizeBytes', pg_database_size(d.oid),
  'byteaOutput', current_setting('bytea_output'),
  'extensions', (
    SELECT coalesce(json_agg(json_build_object('name', extname, 'version', extversion, 'schema', nspname) ORDER BY extname), '[]')
      FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace))
FROM pg_database d, to_jsonb(d) own WHERE d.datname = current_database();
COMMIT;
`

/**
 * Asks the server. Rejects with `BACKUP_CONNECT_FAILED` when it cannot be reached or refuses the login.
 *
 * @example
 * ```ts
 * import { readServerFacts } from '@ops/pg-backup'
 *
 * const facts = await readServerFacts({ connection: { host: 'localhost', database: 'app' } })
 * console.log(facts)
 * ```
 */
export async function readServerFacts(options: PsqlOptions): Promise<ServerFacts> {
  const answer = JSON.parse(await runPsql(QUERY, options)) as Omit<ServerFacts, 'major'> & {
    versionNumber: number
    systemIdentifier: string | null
    timeline: number | null
    recoveryConflicts: number | null
    localeProvider: 'libc' | 'icu' | 'builtin' | null
    locale: string | null
    icuRules: string | null
  }
  const { versionNumber, systemIdentifier, timeline, recoveryConflicts, ...rest } = answer
  const { localeProvider, locale, icuRules, ...facts } = rest
  return {
    ...facts,
    major: Math.floor(versionNumber / 10_000),
    ...(systemIdentifier === null ? {} : { systemIdentifier }),
    ...(timeline === null ? {} : { timeline }),
    ...(recoveryConflicts === null ? {} : { recoveryConflicts }),
    ...(localeProvider === null ? {} : { localeProvider }),
    ...(locale === null ? {} : { locale }),
    ...(icuRules === null ? {} : { icuRules }),
  }
}

/** Like {@link ServerFacts.recoveryConflicts}, now. */
export async function readRecoveryConflicts(options: PsqlOptions): Promise<number> {
  return Number(await runPsql(`${RECOVERY_CONFLICTS};`, options))
}
