import { BackupError } from './backup-error.ts'

/**
 * How to reach a PostgreSQL server. What is left out comes from libpq's `PG*` variables, its
 * service file and `~/.pgpass`, as with `psql`. Go to the server itself, never through a pooler.
 */
export interface PgConnection {
  /** Host name, address, or the folder of a Unix socket. */
  readonly host?: string
  readonly port?: number
  readonly user?: string
  /** Given to child processes in their environment; never in arguments, messages or manifests. */
  readonly password?: string
  readonly database?: string
  /** Further libpq parameters by their own names, such as `sslmode` or `sslrootcert`. */
  readonly parameters?: Readonly<Record<string, string>>
}

/**
 * The variables that carry libpq's connection parameters (PostgreSQL documentation, "Environment
 * Variables"). Everything travels in the environment, so no connection detail appears in `ps`.
 */
const VARIABLES: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  require_auth: 'PGREQUIREAUTH',
  channel_binding: 'PGCHANNELBINDING',
  service: 'PGSERVICE',
  options: 'PGOPTIONS',
  application_name: 'PGAPPNAME',
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslcompression: 'PGSSLCOMPRESSION',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslcertmode: 'PGSSLCERTMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslsni: 'PGSSLSNI',
  requirepeer: 'PGREQUIREPEER',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  gssencmode: 'PGGSSENCMODE',
  krbsrvname: 'PGKRBSRVNAME',
  gsslib: 'PGGSSLIB',
  gssdelegation: 'PGGSSDELEGATION',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
}

/**
 * Reads a libpq connection URI: `postgres://user:password@host:port/database?sslmode=require`,
 * several hosts and socket folders included. Throws `BACKUP_BAD_OPTIONS`; the message does not
 * repeat the URI, which may hold a password.
 *
 * @example
 * ```ts
 * import { createBackup, parseConnectionUri } from '@ops/pg-backup'
 * import { fileStore } from '@ops/object-store'
 *
 * const connection = parseConnectionUri(process.env['DATABASE_URL'] ?? '')
 * await createBackup({ connection, store: fileStore({ folder: '/backups' }) })
 * ```
 */
export function parseConnectionUri(uri: string): PgConnection {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(uri)
  if (match === null) throw badUri('it does not begin with postgres:// or postgresql://')
  const [, credentials = '', hosts = '', path = '', query = ''] = match
  const parameters = Object.fromEntries(new URLSearchParams(query))
  const [user, password] = splitOnce(credentials, ':')
  if (user !== '') parameters['user'] = decode(user)
  if (password !== undefined) parameters['password'] = decode(password)
  if (path !== '') parameters['dbname'] = decode(path)
  if (hosts !== '') Object.assign(parameters, parseHosts(hosts))
  // The spelling of JDBC and of many drivers, which libpq takes too.
  if (parameters['ssl'] === 'true') {
    delete parameters['ssl']
    parameters['sslmode'] = 'require'
  }
  const connection = connectionOf(parameters)
  connectionEnvironment(connection)
  return connection
}

function connectionOf(parameters: Record<string, string>): PgConnection {
  const { host, port, user, password, dbname: database, ...others } = parameters
  // One port for each of several hosts is a list, which is no number.
  if (port?.includes(',') === true) return { host, user, password, database, parameters: { ...others, port } }
  return {
    host,
    port: port === undefined ? undefined : parsePort(port),
    user,
    password,
    database,
    parameters: others,
  }
}

/** The store, the encryption and the webhook are no business of PostgreSQL's programs. */
const SECRETS_OF_OTHERS = [
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'OPS_BACKUP_PASSPHRASE',
  'OPS_WEBHOOK_URL',
]

/**
 * The environment for a libpq program that is to use `connection`; `base` fills in what it leaves out,
 * without the secrets that are for others.
 *
 * @example
 * ```ts
 * import { execFileSync } from 'node:child_process'
 * import { connectionEnvironment, parseConnectionUri } from '@ops/pg-backup'
 *
 * const connection = parseConnectionUri('postgres://backup@db.example.com/app?sslmode=verify-full')
 * execFileSync('psql', ['--command', 'VACUUM'], { env: connectionEnvironment(connection) })
 * ```
 */
export function connectionEnvironment(
  connection: PgConnection,
  base: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const { host, port, user, password, database, parameters } = connection
  const wanted = {
    ...parameters,
    host,
    port: port?.toString() ?? parameters?.['port'],
    user,
    password,
    dbname: database,
  }
  // Messages in English, because people search for them; the client's encoding is the database's own.
  // A server that does not answer is given up after 10 s, unless the environment says otherwise.
  const environment: NodeJS.ProcessEnv = { PGCONNECT_TIMEOUT: '10', ...base, LC_ALL: 'C' }
  delete environment['PGCLIENTENCODING']
  for (const name of SECRETS_OF_OTHERS) delete environment[name]
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue
    const variable = VARIABLES[name]
    if (variable === undefined) {
      throw new BackupError(
        'BACKUP_BAD_OPTIONS',
        `the connection parameter "${name}" is not supported; use libpq's files or PG* variables for it`,
      )
    }
    if (value.includes('\0'))
      throw new BackupError('BACKUP_BAD_OPTIONS', `the connection parameter "${name}" contains a NUL byte`)
    environment[variable] = value
  }
  return environment
}

/**
 * Where a connection goes, for messages: `database "app" on db.example:5432 as "backup"`. Never has the password.
 *
 * @example
 * ```ts
 * import { describeConnection, parseConnectionUri } from '@ops/pg-backup'
 *
 * const connection = parseConnectionUri('postgres://backup:secret@db.example.com/app')
 * console.log(describeConnection(connection, {})) // never the password
 * ```
 */
export function describeConnection(connection: PgConnection, base: NodeJS.ProcessEnv = process.env): string {
  const environment = connectionEnvironment(connection, base)
  const host = environment['PGHOST'] || environment['PGHOSTADDR'] || 'the local socket'
  const port = environment['PGPORT'] || '5432'
  const user = environment['PGUSER']
  const database = environment['PGDATABASE'] ?? user
  return [
    database === undefined ? 'the default database' : `database "${database}"`,
    `on ${host}${host.startsWith('/') ? ` (port ${port})` : `:${port}`}`,
    ...(user === undefined ? [] : [`as "${user}"`]),
  ].join(' ')
}

/** `a,b:5433` as libpq's parameters: `{ host: 'a,b', port: ',5433' }`. */
function parseHosts(hosts: string): { host?: string; port?: string } {
  const pairs = hosts.split(',').map((each) => {
    const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(each)
    if (match === null) throw badUri(`it has a host with a port that is no number`)
    return { host: decode(match[1]!.replace(/^\[(.*)\]$/, '$1')), port: match[2] ?? '' }
  })
  const host = pairs.map((pair) => pair.host).join(',')
  const port = pairs.map((pair) => pair.port).join(',')
  return { ...(host === '' ? {} : { host }), ...(/\d/.test(port) ? { port } : {}) }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badUri(`"${text}" is not a port`)
  return port
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badUri('it has a % that is not followed by two hexadecimal digits; write a literal % as %25')
  }
}

function badUri(why: string): BackupError {
  return new BackupError('BACKUP_BAD_OPTIONS', `the connection URI cannot be read: ${why}`)
}
