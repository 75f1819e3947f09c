import { openStore, type OpenedStore } from '@ops/object-store'
import { UsageError, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import { parseConnectionUri, type PgConnection } from '../connection.ts'

export interface StoreFlags {
  store: string
  cluster: string
}

export interface ConnectionFlags {
  host?: string
  port?: number
  username?: string
  dbname?: string
}

/** Adds `--store` and `--cluster`, which every command takes. */
export function withStoreFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--store <url>', 'where backups live: s3://… or file:///…')
        .env('OPS_STORE')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--cluster <name>', 'groups the backups of one server').env('OPS_CLUSTER').default('main'),
    )
}

/** Adds `--host`, `--port`, `--username` and `--dbname`, with the meaning they have in `pg_dump`. */
export function withConnectionFlags(command: Command, dbname: string): Command {
  return command
    .option('--host <host>', 'server host or socket folder (default: PGHOST)')
    .option('--port <port>', 'server port (default: PGPORT)', parsePort)
    .option('--username <name>', 'role to connect as (default: PGUSER)')
    .option('--dbname <name>', dbname)
}

/** Opens the store that the flags name. */
export function openFlaggedStore(flags: StoreFlags, context: CliContext): Promise<OpenedStore> {
  return openStore(flags.store, { env: context.env })
}

/** Flags over DATABASE_URL; what neither says is left to libpq's own variables and files. */
export function connectionFromFlags(flags: ConnectionFlags, context: CliContext): PgConnection {
  const { host, port, username, dbname } = flags
  // libpq would take the default: `--dbname "$DB"` would silently dump another database.
  for (const [name, value] of Object.entries({ host, username, dbname }))
    if (value === '') throw new UsageError(`--${name} is empty; leave it out for its default`)
  const fromFlags: PgConnection = {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(username === undefined ? {} : { user: username }),
    ...databaseFlag(dbname),
  }
  const url = context.env['DATABASE_URL']
  return url === undefined || url === '' ? fromFlags : { ...parseConnectionUri(url), ...fromFlags }
}

/** `--dbname` takes a name or, as `pg_dump` does, a URI, but not one with a password, which `ps` would show. */
function databaseFlag(dbname: string | undefined): PgConnection {
  if (dbname === undefined) return {}
  if (!/^postgres(ql)?:\/\//.test(dbname)) return { database: dbname }
  const connection = parseConnectionUri(dbname)
  if (connection.password === undefined) return connection
  throw new UsageError(
    '--dbname has a password in it, which every user of this machine can see in the process list: use DATABASE_URL, PGPASSWORD or ~/.pgpass',
  )
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError(`--port is "${text}"; it must be from 1 to 65535`)
  return port
}
