import { ProgramError } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { quoteLiteral, runPsql } from './run-psql.ts'
import { splitStatements } from './sql-statements.ts'

/** What became of a backup's roles and tablespaces. */
export interface RestoredGlobals {
  readonly rolesCreated: readonly string[]
  /** Roles that existed already; their passwords, attributes and settings were left as they are. */
  readonly rolesKept: readonly string[]
  readonly tablespacesCreated: readonly string[]
  readonly tablespacesKept: readonly string[]
}

interface Existing {
  readonly roles: ReadonlySet<string>
  readonly tablespaces: ReadonlySet<string>
}

export interface GlobalsPlan extends RestoredGlobals {
  readonly statements: readonly string[]
}

/**
 * Creates the roles and tablespaces of `script`, which `pg_dumpall --globals-only` wrote, that the
 * server does not have. Rejects with `BACKUP_RESTORE_FAILED`; what was created before stays.
 */
export async function restoreGlobals(
  script: string,
  options: {
    readonly connection: PgConnection
    readonly env?: NodeJS.ProcessEnv
    readonly signal?: AbortSignal
  },
): Promise<RestoredGlobals> {
  const { statements, ...result } = planGlobals(script, await readExisting(options))
  try {
    await runPsql(asPsqlScript(statements), options)
    return result
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    const where = describeConnection(options.connection, options.env)
    throw new BackupError(
      'BACKUP_RESTORE_FAILED',
      `the roles and tablespaces could not be restored by ${where}: ${withoutStatement(error.stderrTail)}; nothing else was restored, and roles that were created so far stay`,
      { cause: error },
    )
  }
}

async function readExisting(options: Parameters<typeof restoreGlobals>[1]): Promise<Existing> {
  const answer = await runPsql(
    `SELECT json_build_object(
       'roles', (SELECT json_agg(rolname) FROM pg_roles),
       'tablespaces', (SELECT json_agg(spcname) FROM pg_tablespace));`,
    options,
  )
  const { roles, tablespaces } = JSON.parse(answer) as { roles: string[]; tablespaces: string[] }
  return { roles: new Set(roles), tablespaces: new Set(tablespaces) }
}

const NAME = '("(?:[^"]|"")+"|[^\\s";]+)'
const ABOUT_ROLE = new RegExp(`^(?:(CREATE)|ALTER|COMMENT ON|SECURITY LABEL .*? ON) ROLE ${NAME}`, 's')
const ABOUT_TABLESPACE = new RegExp(
  `^(?:(CREATE)|ALTER|COMMENT ON|SECURITY LABEL .*? ON) TABLESPACE ${NAME}`,
  's',
)
const ON_TABLESPACE = new RegExp(`^(?:GRANT|REVOKE) .*? ON TABLESPACE ${NAME}`, 's')
const MEMBERSHIP = new RegExp(`^GRANT ${NAME} TO ${NAME}`)

/**
 * Which of the script's statements to run. What is about a role or tablespace that exists already is
 * left out: a restore never changes somebody's password or rights. A membership is granted when one
 * of its two roles is new.
 */
export function planGlobals(script: string, existing: Existing): GlobalsPlan {
  const plan = {
    statements: [] as string[],
    rolesCreated: [] as string[],
    rolesKept: [] as string[],
    tablespacesCreated: [] as string[],
    tablespacesKept: [] as string[],
  }
  for (const statement of splitStatements(script)) {
    const role = ABOUT_ROLE.exec(statement)
    const tablespace = ABOUT_TABLESPACE.exec(statement) ?? ON_TABLESPACE.exec(statement)
    const membership = MEMBERSHIP.exec(statement)
    if (role !== null) {
      const name = unquoted(role[2]!)
      const isKept = existing.roles.has(name)
      if (role[1] !== undefined) (isKept ? plan.rolesKept : plan.rolesCreated).push(name)
      if (isKept) continue
    } else if (tablespace !== null) {
      const name = unquoted(tablespace.at(-1)!)
      const isKept = existing.tablespaces.has(name)
      if (tablespace[1] === 'CREATE') (isKept ? plan.tablespacesKept : plan.tablespacesCreated).push(name)
      if (isKept) continue
    } else if (membership !== null) {
      if ([membership[1]!, membership[2]!].every((name) => existing.roles.has(unquoted(name)))) continue
    }
    plan.statements.push(statement)
  }
  return plan
}

/**
 * Each statement goes to the server as the text of a literal that `\gexec` sends on, so that psql
 * itself reads nothing in it: a script from a store could hold commands of psql, and those run programs.
 */
function asPsqlScript(statements: readonly string[]): string {
  return [
    String.raw`\encoding UTF8`,
    ...statements.map((statement) => String.raw`SELECT ${quoteLiteral(statement)} \gexec`),
    '',
  ].join('\n')
}

/** psql repeats the statement that failed, which may have a password in it. */
function withoutStatement(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => /ERROR:|FATAL:|DETAIL:|HINT:/.test(line))
    .join(' ')
    .replaceAll(/PASSWORD\s+'[^']*'/gi, "PASSWORD '…'")
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
