import { access, constants, readdir, realpath } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { runProgram } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'

/** One of PostgreSQL's client programs on this machine. */
export interface PostgresProgram {
  readonly path: string
  /** As it says itself: `17.6 (Debian 17.6-1)`. */
  readonly version: string
  readonly major: number
}

/** Options of {@link findPostgresProgram}. */
export interface FindProgramOptions {
  /** Variables in place of `process.env`, such as `PATH` and `OPS_PG_BIN`. */
  readonly env?: NodeJS.ProcessEnv
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** The server's major version: `pg_dump` must be at least as new, and is best of the same. */
  readonly serverMajor?: number
}

/**
 * Finds one of PostgreSQL's client programs in `OPS_PG_BIN` if that is set, otherwise on PATH, in
 * Debian's `/usr/lib/postgresql/<major>/bin`, in Red Hat's and in Homebrew's folders. One of the
 * server's own major version is taken before a newer one; an older one is never taken. Rejects with
 * `BACKUP_PROGRAM_MISSING` or `BACKUP_PROGRAM_TOO_OLD`.
 *
 * @example
 * ```ts
 * import { findPostgresProgram } from '@ops/pg-backup'
 *
 * const { path, version } = await findPostgresProgram('pg_dump', { serverMajor: 17 })
 * console.log(path, version)
 * ```
 */
export async function findPostgresProgram(
  name: string,
  options: FindProgramOptions = {},
): Promise<PostgresProgram> {
  const { serverMajor = 0 } = options
  const found: PostgresProgram[] = []
  for (const { path } of await candidates(name, options)) {
    const program = await inspect(path, options)
    if (program === undefined) continue
    if (serverMajor === 0 || program.major === serverMajor) return program
    found.push(program)
  }
  const newer = found
    .filter((program) => program.major > serverMajor)
    .toSorted((a, b) => a.major - b.major)[0]
  if (newer !== undefined) return newer
  const newest = found.toSorted((a, b) => b.major - a.major)[0]
  if (newest !== undefined) {
    throw new BackupError(
      'BACKUP_PROGRAM_TOO_OLD',
      `${name} ${newest.version} (${newest.path}) is older than the server, which is PostgreSQL ${serverMajor}: ` +
        `install the client programs of PostgreSQL ${serverMajor} (Debian, Ubuntu: postgresql-client-${serverMajor}) ` +
        'or set OPS_PG_BIN to the folder they are in',
    )
  }
  throw new BackupError(
    'BACKUP_PROGRAM_MISSING',
    `${name} was not found on PATH, in OPS_PG_BIN, or where PostgreSQL is usually installed: ` +
      `install PostgreSQL's client programs (Debian, Ubuntu: postgresql-client${serverMajor === 0 ? '' : `-${serverMajor}`})`,
  )
}

/** The path of a `psql` of any version. */
export async function findPsql(options: FindProgramOptions): Promise<string> {
  const [first] = await candidates('psql', options)
  // Only behind the wrapper there may be nothing; every other one need not be asked what it is.
  if (first?.isWrapper === false) return first.path
  return (await findPostgresProgram('psql', options)).path
}

interface Candidate {
  readonly path: string
  readonly isWrapper: boolean
}

/**
 * Debian's and Ubuntu's `/usr/bin/pg_dump` is a Perl script that chooses a local cluster and a program
 * for it. Where the host is named it has nothing to choose, and comes last: it only takes time.
 */
async function candidates(name: string, { env = process.env }: FindProgramOptions): Promise<Candidate[]> {
  const found: Candidate[] = []
  for (const folder of await programFolders(env)) {
    const path = join(folder, name)
    if (!(await isExecutable(path))) continue
    found.push({ path, isWrapper: (await realpath(path)).endsWith('/pg_wrapper') })
  }
  if ((env['PGHOST'] ?? '') === '') return found
  return found.toSorted((a, b) => Number(a.isWrapper) - Number(b.isWrapper))
}

async function programFolders(env: NodeJS.ProcessEnv): Promise<string[]> {
  const chosen = env['OPS_PG_BIN']
  if (chosen !== undefined && chosen !== '') return [chosen]
  const installed = await Promise.all([
    childFolders('/usr/lib/postgresql', ''),
    childFolders('/usr', 'pgsql-'),
    childFolders('/opt/homebrew/opt', 'postgresql'),
    childFolders('/usr/local/opt', 'postgresql'),
  ])
  return [...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...installed.flat()]
}

/** `<parent>/<prefix…>/bin`, the newest version first. */
async function childFolders(parent: string, prefix: string): Promise<string[]> {
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EACCES' || error.code === 'ENOTDIR') return []
    throw error
  })
  return names
    .filter((name) => name.startsWith(prefix))
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(parent, name, 'bin'))
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** `undefined` for a program that does not say a PostgreSQL version (a wrapper without a server, say). */
async function inspect(
  path: string,
  { env, signal }: FindProgramOptions,
): Promise<PostgresProgram | undefined> {
  try {
    const output = await runProgram(path, { args: ['--version'], env, signal })
    const match = /\(PostgreSQL\) ((\d+)\S*(?: \(.*\))?)/.exec(output)
    return match === null ? undefined : { path, version: match[1]!, major: Number(match[2]) }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof Error) return undefined
    throw error
  }
}
