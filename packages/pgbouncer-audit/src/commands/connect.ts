import { errorMessage } from '@ops/internal-error'
import { PgbouncerAuditError } from '../errors.ts'
import type { LiveConnection } from '../live/live-client.ts'

/** A connection by URL, or by the `PG*` variables where there is none. `pg` is looked up when it is needed. */
export async function connect(url: string | undefined): Promise<LiveConnection & AsyncDisposable> {
  const { Client } = (await loadPg()).default
  const client = new Client(url === undefined ? {} : { connectionString: url })
  // A connection that breaks while nobody asks must not end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new PgbouncerAuditError(
      'AUDIT_LIVE_FAILED',
      `cannot connect: ${errorMessage(error)}; check DATABASE_URL or the PG* variables`,
      { cause: error },
    )
  }
  return {
    query: async (text) => await client.query<Record<string, unknown>>(text),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

async function loadPg(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch (error) {
    throw new PgbouncerAuditError(
      'AUDIT_LIVE_FAILED',
      "The package 'pg' is not installed; add it beside @ops/pgbouncer-audit",
      { cause: error },
    )
  }
}
