import { defaultMode, type ServerMode } from './matrix.ts'
import { startPostgresLocal } from './postgres-local.ts'
import type { PostgresQuery } from './postgres-client.ts'

export interface PostgresOptions {
  /** Programs on this machine, or a container. @default OPS_TESTBED_MODE, otherwise 'local' */
  readonly mode?: ServerMode
  /** Major version. @default OPS_TESTBED_PG, otherwise the newest on this machine, or 17 in a container */
  readonly version?: number
  /** Lines of postgresql.conf, on top of those that trade durability for speed. */
  readonly settings?: Readonly<Record<string, string>>
  /** Lines of pg_hba.conf that come before the server's own, so that they win. */
  readonly hba?: readonly string[]
  /** How passwords are checked. @default 'scram-sha-256' */
  readonly auth?: 'scram-sha-256' | 'md5' | 'trust'
  /** More arguments for initdb, such as `--data-checksums`. */
  readonly initdbArgs?: readonly string[]
  /** TLS with a certificate for localhost and 127.0.0.1, made for this server. @default false */
  readonly ssl?: boolean
}

/** A network between containers, on which the server has a name. */
export interface ContainerNetwork {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** A running PostgreSQL server of one's own; its data are thrown away with it. */
export interface Postgres {
  readonly mode: ServerMode
  readonly host: string
  readonly port: number
  /** The folder of the unix socket; `undefined` in a container. */
  readonly socketFolder: string | undefined
  /** The data folder on this machine; `undefined` in a container. */
  readonly dataFolder: string | undefined
  /** The folder of the client programs of the same version; `undefined` in a container. */
  readonly binFolder: string | undefined
  /** Where other containers reach it; `undefined` in local mode. */
  readonly network: ContainerNetwork | undefined
  /** A superuser. */
  readonly user: string
  readonly password: string
  /** `server_version_num`: 170005 for 17.5. */
  readonly version: number
  /** The certificate authority's certificate (PEM file), when TLS was asked for. */
  readonly caFile: string | undefined
  url(database?: string, as?: { readonly user?: string; readonly password?: string }): string
  /** `PGHOST` and the other variables that libpq reads, for child processes. */
  env(database?: string): Record<string, string>
  /** Runs SQL as the superuser, over a connection of its own. */
  readonly query: PostgresQuery
  createDatabase(name: string): Promise<void>
  /** What the server has logged so far. */
  logText(): Promise<string>
  /** Sends a signal to the server's main process and waits for nothing. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Stops the server if it runs, and starts it again on the same data and port. */
  restart(): Promise<void>
  /** Ends the server and removes everything it had. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a PostgreSQL server. Throws `MissingServerError` where there is none to start. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  if ((options.mode ?? defaultMode()) === 'local') return await startPostgresLocal(options)
  // Loaded on demand: local servers need not wait for the Docker client.
  const { startPostgresContainer } = await import('./postgres-container.ts')
  return await startPostgresContainer(options)
}
