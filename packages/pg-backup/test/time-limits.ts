import type { Postgres } from '@ops/testbed'
import { createBackup, type BackupResult } from '../src/create-backup.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { until } from './until.ts'

const LIMITS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']

/**
 * Backs up a database as a role with the shortest of time limits, and makes every step of it take
 * longer than they allow. `table` is one of the database's.
 */
export async function backUpAsHurriedRole(
  server: Postgres,
  database: string,
  table: string,
  env?: NodeJS.ProcessEnv,
): Promise<BackupResult> {
  const limits = server.version >= 170_000 ? [...LIMITS, 'transaction_timeout'] : LIMITS
  await server.query(`CREATE ROLE hurried SUPERUSER LOGIN PASSWORD 'hurried'`)
  for (const limit of limits) await server.query(`ALTER ROLE hurried SET ${limit} = '200ms'`)
  await using place = await temporaryStore()
  // The facts about the server have to wait as well.
  const facts = await holdLock(server, database, 'pg_extension')
  using dumped = await holdLock(server, database, table)
  const connection = { ...connectionTo(server, database), user: 'hurried', password: 'hurried' }
  const backup = createBackup({ store: place.store, connection, env })
  backup.catch(() => undefined)
  await until(async () => await isWaitingLongerThanItsLimit('psql'))
  facts.release()
  await until(async () => (await isDumpWaiting(server)) && (await isWaitingLongerThanItsLimit('pg_dump')))
  dumped.release()
  return await backup

  async function isWaitingLongerThanItsLimit(program: string): Promise<boolean> {
    const waiting = await server.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = '${program}' AND usename = 'hurried' AND wait_event_type = 'Lock'
         AND clock_timestamp() - query_start > interval '1 s'`,
    )
    return waiting.length > 0
  }
}
