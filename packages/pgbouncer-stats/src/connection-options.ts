import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { PgBouncerStatsError } from './error.ts'

/** libpq's `sslmode`, from none to the strictest. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
/** One of {@link SSL_MODES}. */
export type SslMode = (typeof SSL_MODES)[number]

/** Where PgBouncer's admin console is, and who asks. */
export interface ConnectionOptions {
  /** Host name, address, or the folder of a Unix socket (it begins with `/`). @default 'localhost' */
  readonly host?: string
  /** @default 6432 */
  readonly port?: number
  /** A member of `stats_users` suffices for everything that only reads. */
  readonly user: string
  /** In the clear or as a function, so that a rotated password is picked up on the next connection. */
  readonly password?: string | (() => string | Promise<string>)
  /** The admin console's name; case matters to PgBouncer. @default 'pgbouncer' */
  readonly database?: string
  /** As in libpq; a Unix socket never uses TLS. @default 'prefer' */
  readonly sslMode?: SslMode
  /** PEM of the authorities to trust. @default the system's */
  readonly sslRootCert?: string
  /** PEM of the client's certificate. */
  readonly sslCert?: string
  /** PEM of the client's key. */
  readonly sslKey?: string
}

/**
 * `host:port`, or the path of the Unix socket: for messages and labels, never with a secret in it.
 *
 * @example
 * ```ts
 * import { parseConnectionUrl, targetName } from '@ops/pgbouncer-stats'
 *
 * console.log(targetName(parseConnectionUrl('postgres://stats:secret@pool.example.com:6432/pgbouncer'))) // pool.example.com:6432
 * ```
 */
export function targetName(options: Pick<ConnectionOptions, 'host' | 'port'>): string {
  const { host = 'localhost', port = 6432 } = options
  if (host.startsWith('/')) return socketPath(host, port)
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** PostgreSQL's and PgBouncer's naming of Unix sockets. */
export function socketPath(folder: string, port: number): string {
  return join(folder, `.s.PGSQL.${port}`)
}

const URL_PARAMETERS = [
  'host',
  'port',
  'user',
  'dbname',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
] as const
type UrlParameter = (typeof URL_PARAMETERS)[number]
const IGNORED_PARAMETERS = new Set(['application_name', 'connect_timeout', 'client_encoding'])

/**
 * Reads `postgres://user:password@host:port/pgbouncer?sslmode=verify-full`. What the URL leaves open
 * comes from libpq's environment: `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGPASSFILE`, `PGSSLMODE`,
 * `PGSSLROOTCERT`, `PGSSLCERT`, `PGSSLKEY`. A Unix socket is given as `?host=/run/postgresql`.
 * Certificates are read at once, a password file at each connection.
 *
 * Throws `PGBOUNCER_BAD_CONNECTION`; the message never repeats the URL.
 *
 * @example
 * ```ts
 * import { parseConnectionUrl, readPgBouncer } from '@ops/pgbouncer-stats'
 *
 * const connection = parseConnectionUrl(process.env['PGBOUNCER_URL'])
 * const { version, pools } = await readPgBouncer({ connection, show: ['pools'] })
 * console.log(version, pools)
 * ```
 */
export function parseConnectionUrl(
  url: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): ConnectionOptions {
  const given = url === undefined ? new Map<UrlParameter | 'password', string>() : urlParameters(url)
  const host = given.get('host') ?? env['PGHOST'] ?? 'localhost'
  const port = parsePort(given.get('port') ?? env['PGPORT'] ?? '6432')
  const user = given.get('user') ?? env['PGUSER'] ?? userInfo().username
  const database = given.get('dbname') ?? 'pgbouncer'
  const sslMode = parseSslMode(given.get('sslmode') ?? env['PGSSLMODE'] ?? 'prefer')
  const password = given.get('password') ?? env['PGPASSWORD']
  const passwordFile = env['PGPASSFILE'] ?? join(homedir(), '.pgpass')
  return {
    host,
    port,
    user,
    database,
    sslMode,
    password: password ?? (() => findPassword(passwordFile, [host, String(port), database, user])),
    ...pem('sslRootCert', given.get('sslrootcert') ?? env['PGSSLROOTCERT']),
    ...pem('sslCert', given.get('sslcert') ?? env['PGSSLCERT']),
    ...pem('sslKey', given.get('sslkey') ?? env['PGSSLKEY']),
  }
}

function urlParameters(text: string): Map<UrlParameter | 'password', string> {
  const given = new Map<UrlParameter | 'password', string>()
  let url: URL
  try {
    url = new URL(text)
    if (url.username !== '') given.set('user', decodeURIComponent(url.username))
    if (url.password !== '') given.set('password', decodeURIComponent(url.password))
    if (url.hostname !== '') given.set('host', decodeURIComponent(url.hostname.replace(/^\[|\]$/g, '')))
    if (url.pathname.length > 1) given.set('dbname', decodeURIComponent(url.pathname.slice(1)))
  } catch {
    throw badConnection(
      'the connection URL cannot be read; it looks like postgres://user@host:6432/pgbouncer',
    )
  }
  if (!/^postgres(ql)?:$/.test(url.protocol)) {
    throw badConnection(`the connection URL begins with "${url.protocol}"; it must begin with "postgres:"`)
  }
  if (url.port !== '') given.set('port', url.port)
  for (const [name, value] of url.searchParams) {
    if (name === 'password') given.set('password', value)
    else if (isUrlParameter(name)) given.set(name, value)
    else if (!IGNORED_PARAMETERS.has(name)) {
      throw badConnection(
        `the connection URL has the parameter "${name}", which is not known; known: ${URL_PARAMETERS.join(', ')}`,
      )
    }
  }
  return given
}

function isUrlParameter(name: string): name is UrlParameter {
  return (URL_PARAMETERS as readonly string[]).includes(name)
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw badConnection(`the port must be from 1 to 65535, not "${text}"`)
  return port
}

function parseSslMode(text: string): SslMode {
  const mode = SSL_MODES.find((each) => each === text)
  if (mode === undefined) throw badConnection(`sslmode must be one of ${SSL_MODES.join(', ')}, not "${text}"`)
  return mode
}

function pem<Name extends string>(name: Name, file: string | undefined): Partial<Record<Name, string>> {
  if (file === undefined || file === '' || file === 'system') return {}
  try {
    return { [name]: readFileSync(file, 'utf8') } as Partial<Record<Name, string>>
  } catch (error) {
    throw badConnection(`${file} cannot be read: ${(error as Error).message}`, error)
  }
}

/** The first line of a libpq password file that fits; an empty string when there is none. */
function findPassword(file: string, wanted: readonly string[]): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return ''
  }
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const fields = (line.match(/(?:\\.|[^:\\])*(?::|$)/g) ?? []).map((field) =>
      field.replace(/:$/, '').replace(/\\(.)/g, '$1'),
    )
    if (wanted.every((value, index) => fields[index] === '*' || fields[index] === value))
      return fields[4] ?? ''
  }
  return ''
}

function badConnection(message: string, cause?: unknown): PgBouncerStatsError {
  return new PgBouncerStatsError('PGBOUNCER_BAD_CONNECTION', message, { cause })
}
