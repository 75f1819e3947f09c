import type { Queryable } from './userlist.ts'

/** How many connections a PostgreSQL server has, and keeps back. */
export interface PostgresLimits {
  readonly maxConnections: number
  /** `superuser_reserved_connections`, and `reserved_connections` from PostgreSQL 16 on. */
  readonly reservedConnections: number
}

/**
 * Asks PostgreSQL, directly or through PgBouncer; any user may.
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { diagnose, readPgBouncer, readPostgresLimits } from '@ops/pgbouncer-stats'
 *
 * const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
 * await client.connect()
 * const { maxConnections, reservedConnections } = await readPostgresLimits(client)
 * const snapshot = await readPgBouncer({ connection: { host: 'localhost', user: 'stats' } })
 * console.log(diagnose(snapshot, undefined, { postgresConnections: maxConnections - reservedConnections }))
 * await client.end()
 * ```
 */
export async function readPostgresLimits(client: Queryable): Promise<PostgresLimits> {
  const { rows } = await client.query(
    "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')",
  )
  const settings = new Map(rows.map(({ name, setting }) => [name, Number(setting)]))
  const of = (name: string): number => settings.get(name) ?? 0
  return {
    maxConnections: of('max_connections'),
    reservedConnections: of('superuser_reserved_connections') + of('reserved_connections'),
  }
}
