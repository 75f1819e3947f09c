import { BackupError } from './backup-error.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { quoteLiteral, runPsql, type PsqlOptions } from './run-psql.ts'

/** Options of {@link listDatabases}. */
export interface ListDatabasesOptions extends PsqlOptions {
  /** Only databases that match one of these. @default all */
  readonly include?: readonly string[]
  /** No databases that match one of these, whatever `include` says. */
  readonly exclude?: readonly string[]
}

/**
 * The databases of a server that can be backed up: no templates, none that refuses connections, none
 * that an interrupted DROP DATABASE left behind. Patterns are those of `psql` and `pg_dump`: `*` and
 * `?`, letters without quotes in lower case, quotes around what is meant literally, such as a dot.
 *
 * Rejects with `BACKUP_NO_DATABASE` when an `include` pattern matches nothing: a name that is spelled
 * wrongly must not look like a night without failures.
 *
 * @example
 * ```ts
 * import { listDatabases } from '@ops/pg-backup'
 *
 * const names = await listDatabases({ connection: { host: 'db.example.com' }, exclude: ['*_test'] })
 * console.log(names.join(' '))
 * ```
 */
export async function listDatabases(options: ListDatabasesOptions): Promise<string[]> {
  const { include = [], exclude = [], env = process.env } = options
  const connection: PgConnection = {
    ...options.connection,
    database: options.connection.database ?? (env['PGDATABASE'] === undefined ? 'postgres' : undefined),
  }
  const names = JSON.parse(await runPsql(query(include, exclude), { ...options, connection })) as {
    databases: string[]
    unmatched: string[]
  }
  const where = describeConnection(connection, env)
  if (names.unmatched.length > 0)
    throw noDatabase(`no database matches ${names.unmatched.join(', ')} (asked ${where})`)
  if (names.databases.length === 0) throw noDatabase(`there is no database to back up (asked ${where})`)
  return names.databases
}

function query(include: readonly string[], exclude: readonly string[]): string {
  const patterns = (list: readonly string[]): string =>
    `(SELECT * FROM (VALUES (NULL, NULL)${list.map((each) => `, (${quoteLiteral(each)}, ${quoteLiteral(patternToRegex(each))})`).join('')}) p (pattern, regex) WHERE pattern IS NOT NULL)`
  return `
BEGIN READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
WITH included AS ${patterns(include)}, excluded AS ${patterns(exclude)}, candidates AS (
  SELECT datname FROM pg_database
   WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2
     AND NOT EXISTS (SELECT FROM excluded WHERE datname ~ regex))
SELECT json_build_object(
  'databases', (SELECT coalesce(json_agg(datname ORDER BY datname COLLATE "C"), '[]') FROM candidates
     WHERE ${include.length === 0} OR EXISTS (SELECT FROM included WHERE datname ~ regex)),
  'unmatched', (SELECT coalesce(json_agg(pattern), '[]') FROM included
     WHERE NOT EXISTS (SELECT FROM candidates WHERE datname ~ regex)));
COMMIT;
`
}

/**
 * A pattern of psql as a regular expression of PostgreSQL (its documentation, "psql", Patterns): `*`
 * is `.*`, `?` is `.`, `$` and what is in quotes means itself, and the rest is a regular expression.
 */
function patternToRegex(pattern: string): string {
  let regex = ''
  let quoted = false
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!
    if (character === '"') {
      if (quoted && pattern[at + 1] === '"') {
        regex += '"'
        at += 1
      } else quoted = !quoted
    } else if (quoted) regex += /[|*+?()[\]{}.^$\\]/.test(character) ? `\\${character}` : character
    else if (character === '*') regex += '.*'
    else if (character === '?') regex += '.'
    else if (character === '.')
      throw new BackupError(
        'BACKUP_BAD_OPTIONS',
        `the pattern ${pattern} has a dot outside quotes, which separates names; write it as ".", with the quotes`,
      )
    else if (character === '$') regex += '\\$'
    else regex += character.toLowerCase()
  }
  if (quoted)
    throw new BackupError('BACKUP_BAD_OPTIONS', `the pattern ${pattern} has a quote that is not closed`)
  return `^(${regex})$`
}

function noDatabase(message: string): BackupError {
  return new BackupError('BACKUP_NO_DATABASE', message)
}
