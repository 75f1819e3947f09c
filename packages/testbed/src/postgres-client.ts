import { Client, type QueryResult } from 'pg'

export type Row = Record<string, unknown>
/** Runs one or more statements and returns the rows of the last. */
export type PostgresQuery = (sql: string, database?: string) => Promise<Row[]>

/** How to connect: over TCP, or by the folder of a unix socket. */
export interface ClientTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** For TLS: the certificate authority that the server's certificate has to be from, as PEM. */
  readonly ssl?: { readonly ca: string }
  /** Milliseconds for one query. @default no limit */
  readonly query_timeout?: number
}

/** Runs SQL over a connection that lives for this call alone. */
export async function queryOnce(target: ClientTarget, sql: string, database = 'postgres'): Promise<Row[]> {
  const client = new Client({ ...target, database, connectionTimeoutMillis: 10_000 })
  // A server that is killed while we are connected is part of many tests; the query itself rejects.
  client.on('error', () => undefined)
  await client.connect()
  try {
    // Several statements in one string have several results, which the types of `pg` leave out.
    const result: QueryResult<Row> | QueryResult<Row>[] = await client.query<Row>(sql)
    return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? []
  } finally {
    await client.end()
  }
}

/** An SQL identifier, quoted. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function postgresUrl(
  target: ClientTarget,
  database: string,
  as: { readonly user?: string; readonly password?: string } = {},
): string {
  const user = encodeURIComponent(as.user ?? target.user)
  const password = encodeURIComponent(as.password ?? target.password)
  return `postgresql://${user}:${password}@${target.host}:${target.port}/${encodeURIComponent(database)}`
}

/** What libpq reads from the environment of a child process. */
export function postgresEnv(target: ClientTarget, database: string): Record<string, string> {
  return {
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSWORD: target.password,
    PGDATABASE: database,
  }
}
