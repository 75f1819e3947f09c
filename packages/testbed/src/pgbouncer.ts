import { defaultMode, type ServerMode } from './matrix.ts'
import { startPgBouncerLocal } from './pgbouncer-local.ts'
import type { Postgres } from './postgres.ts'
import type { PostgresQuery, Row } from './postgres-client.ts'

export interface PgBouncerOptions {
  /** The program on this machine, or a container. @default OPS_TESTBED_MODE, otherwise 'local' */
  readonly mode?: ServerMode
  /** Version such as '1.24', for a container. @default OPS_TESTBED_PGBOUNCER, otherwise '1.24' */
  readonly version?: string
  /** The server behind. */
  readonly postgres: Postgres
  /** Lines of the `[pgbouncer]` section. */
  readonly settings?: Readonly<Record<string, string>>
  /** Connection strings by database name. @default `*`, every database of the server behind */
  readonly databases?: Readonly<Record<string, string>>
  /** Passwords by user name, beside the superuser of the server behind. */
  readonly users?: Readonly<Record<string, string>>
}

/** A running PgBouncer of one's own. */
export interface PgBouncer {
  readonly mode: ServerMode
  readonly host: string
  readonly port: number
  /** May run every command on the console. */
  readonly adminUser: string
  readonly adminPassword: string
  /** May run SHOW commands on the console. */
  readonly statsUser: string
  readonly statsPassword: string
  /** The console, as the admin user. */
  readonly adminUrl: string
  /** Such as '1.18.0'. */
  readonly version: string
  /** pgbouncer.ini on this machine; change it, then call `reload`. */
  readonly iniPath: string
  /** A database through the pooler, as the superuser of the server behind. */
  url(database?: string, as?: { readonly user?: string; readonly password?: string }): string
  env(database?: string): Record<string, string>
  /** Runs SQL through the pooler, over a connection of its own. */
  readonly query: PostgresQuery
  /** Runs one command on the console, such as `SHOW POOLS`. */
  admin(command: string): Promise<Row[]>
  logText(): Promise<string>
  /** Makes it read pgbouncer.ini and the user list again. */
  reload(): Promise<void>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends it, dropping every client, and starts it again on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a PgBouncer in front of `postgres`. Throws `MissingServerError` where there is none to start. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  if ((options.mode ?? defaultMode()) === 'local') return await startPgBouncerLocal(options)
  // Loaded on demand: local servers need not wait for the Docker client.
  const { startPgBouncerContainer } = await import('./pgbouncer-container.ts')
  return await startPgBouncerContainer(options)
}
