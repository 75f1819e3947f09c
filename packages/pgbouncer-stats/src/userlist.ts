import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import type { PgBouncerConsole } from './console.ts'
import { PgBouncerStatsError } from './error.ts'
import { passwordFits } from './password-fits.ts'
import { parseUserlist, secretKind, type SecretKind } from './userlist-parse.ts'

/** The slice of `pg.Client` or `pg.Pool` that is needed: a connection to PostgreSQL itself. */
export interface Queryable {
  /** Runs one statement, as `pg` does. */
  query(text: string, values?: readonly unknown[]): Promise<{ rows: readonly Record<string, unknown>[] }>
}

/** A role and what it proves its password by. */
export interface Credential {
  readonly user: string
  /** A SCRAM verifier or an MD5 hash, as PostgreSQL keeps it; `null` when the role has no password. */
  readonly secret: string | null
  /** Its `VALID UNTIL` is past. */
  readonly expired: boolean
}

/**
 * Reads roles that can log in from `pg_authid`, which takes a superuser.
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { readCredentials, renderUserlist } from '@ops/pgbouncer-stats'
 *
 * const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
 * await client.connect()
 * const text = renderUserlist(await readCredentials(client), { excludeUsers: ['postgres'] })
 * await client.end()
 * console.log(text.split('\n').length - 1, 'users')
 * ```
 */
export async function readCredentials(client: Queryable): Promise<Credential[]> {
  try {
    const { rows } = await client.query(
      'SELECT rolname, rolpassword, coalesce(rolvaliduntil < now(), false) AS expired FROM pg_catalog.pg_authid WHERE rolcanlogin ORDER BY rolname',
    )
    return rows.map((row) => ({
      user: String(row['rolname']),
      secret: typeof row['rolpassword'] === 'string' ? row['rolpassword'] : null,
      expired: row['expired'] === true,
    }))
  } catch (error) {
    const message = `pg_authid cannot be read: ${errorMessage(error)}; connect as a superuser, or use auth_query`
    throw new PgBouncerStatsError('PGBOUNCER_CREDENTIALS_UNREADABLE', message, { cause: error })
  }
}

/** Which users belong in a `userlist.txt`. */
export interface UserSelection {
  /** Only these users. @default all that have a password */
  readonly users?: readonly string[]
  /** Never these. @default [] */
  readonly excludeUsers?: readonly string[]
}

/**
 * The text of `userlist.txt`: each user's secret as PostgreSQL keeps it. Leaves out who has none, or whose time is over.
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { readCredentials, renderUserlist, writeUserlist } from '@ops/pgbouncer-stats'
 *
 * const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
 * await client.connect()
 * const text = renderUserlist(await readCredentials(client), { users: ['app', 'reports'] })
 * await writeUserlist({ file: '/etc/pgbouncer/userlist.txt', text })
 * await client.end()
 * ```
 */
export function renderUserlist(credentials: readonly Credential[], selection: UserSelection = {}): string {
  return wanted(credentials, selection)
    .map(({ user, secret }) => `${quote(user)} ${quote(secret!)}\n`)
    .join('')
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function wanted(
  credentials: readonly Credential[],
  { users, excludeUsers = [] }: UserSelection,
): Credential[] {
  return credentials.filter(
    ({ user, secret, expired }) =>
      secret !== null &&
      !expired &&
      !/[\n\0]/.test(user) &&
      (users === undefined || users.includes(user)) &&
      !excludeUsers.includes(user),
  )
}

/** How a `userlist.txt` compares with PostgreSQL's roles. */
export interface UserlistCheck {
  readonly inStep: boolean
  readonly users: readonly {
    readonly user: string
    /**
     * `stale`: another secret than PostgreSQL's, or a plain password that does not fit it. `missing`: not in the file. `superfluous`: no such role, or it cannot log in.
     * `expired`: its time is over, and PgBouncer does not look at that.
     */
    readonly state: 'ok' | 'stale' | 'missing' | 'superfluous' | 'expired'
    readonly kind?: SecretKind
  }[]
}

/**
 * Compares a `userlist.txt` with PostgreSQL's roles. A plain password is tried on the SCRAM verifier or the MD5 hash.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import pg from 'pg'
 * import { checkUserlist, readCredentials } from '@ops/pgbouncer-stats'
 *
 * const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
 * await client.connect()
 * const userlist = await readFile('/etc/pgbouncer/userlist.txt', 'utf8')
 * const { inStep, users } = await checkUserlist({ userlist, credentials: await readCredentials(client) })
 * console.log(inStep, users)
 * await client.end()
 * ```
 */
export async function checkUserlist(options: {
  readonly userlist: string
  readonly credentials: readonly Credential[]
  readonly selection?: UserSelection
}): Promise<UserlistCheck> {
  const { credentials, selection = {} } = options
  const roles = new Map(credentials.map((credential) => [credential.user, credential]))
  const listed = parseUserlist(options.userlist)
  const users: UserlistCheck['users'][number][] = []
  for (const { user, secret, kind } of listed) {
    users.push({ user, kind, state: await stateOf(secret, roles.get(user), user) })
  }
  const known = new Set(listed.map(({ user }) => user))
  for (const { user } of wanted(credentials, selection))
    if (!known.has(user)) users.push({ user, state: 'missing' })
  return { inStep: users.every(({ state }) => state === 'ok'), users }
}

async function stateOf(
  secret: string,
  role: Credential | undefined,
  user: string,
): Promise<UserlistCheck['users'][number]['state']> {
  if (role === undefined || role.secret === null) return 'superfluous'
  if (role.expired) return 'expired'
  return secret === role.secret || (await fits(secret, role.secret, user)) ? 'ok' : 'stale'
}

async function fits(secret: string, verifier: string, user: string): Promise<boolean> {
  if (secretKind(secret) !== 'plain') return false
  return await passwordFits(secret, verifier, user)
}

/** What {@link writeUserlist} did. */
export interface WriteUserlistResult {
  readonly file: string
  /** Whether the content is another than before. */
  readonly changed: boolean
  readonly users: number
  readonly reloaded: boolean
}

/**
 * Writes `userlist.txt` atomically: PgBouncer sees the old file or the new one, never half of one. Mode
 * 0600, owner as before. With `console`, it sends RELOAD when something changed. An empty list is
 * refused, since it would lock everybody out.
 *
 * @example
 * ```ts
 * import { openConsole, writeUserlist } from '@ops/pgbouncer-stats'
 *
 * await using pgbouncer = openConsole({ host: 'localhost', user: 'admin' })
 * const { changed, reloaded } = await writeUserlist({
 *   file: '/etc/pgbouncer/userlist.txt',
 *   text: '"app" "SCRAM-SHA-256$4096:…"\n',
 *   console: pgbouncer,
 * })
 * console.log(changed, reloaded)
 * ```
 */
export async function writeUserlist(options: {
  readonly file: string
  readonly text: string
  readonly console?: PgBouncerConsole
  readonly signal?: AbortSignal
}): Promise<WriteUserlistResult> {
  const { file, text, console: console_, signal } = options
  signal?.throwIfAborted()
  const users = parseUserlist(text, file).length
  if (users === 0) {
    throw new PgBouncerStatsError(
      'PGBOUNCER_USERLIST_INVALID',
      `${file} would have no users at all, and was not written; check the selection of users`,
      { details: { file } },
    )
  }
  const changed = readIfThere(file) !== text
  if (changed) replaceFile(file, text)
  if (changed && console_ !== undefined)
    await console_.query('RELOAD', signal === undefined ? {} : { signal })
  return { file, changed, users, reloaded: changed && console_ !== undefined }
}

function replaceFile(file: string, text: string): void {
  const temporary = join(dirname(file), `.${randomBytes(6).toString('hex')}.userlist`)
  try {
    const descriptor = openSync(temporary, 'wx', 0o600)
    try {
      writeSync(descriptor, text)
      chmodSync(temporary, 0o600)
      keepOwner(file, temporary)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
    syncFolder(dirname(file))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new PgBouncerStatsError(
      'PGBOUNCER_CONFIG_UNREADABLE',
      `${file} cannot be written: ${errorMessage(error)}`,
      { details: { file }, cause: error },
    )
  }
}

/** PgBouncer must go on being able to read it; where there is no file yet, as its folder is owned. */
function keepOwner(file: string, temporary: string): void {
  const before = statSync(file, { throwIfNoEntry: false }) ?? statSync(dirname(file))
  const now = statSync(temporary)
  if (before.uid !== now.uid || before.gid !== now.gid) chownSync(temporary, before.uid, before.gid)
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
