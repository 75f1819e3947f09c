import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Postgres } from '@ops/testbed'

/** Locks a table against everybody until it is released: `pg_dump`, which locks all tables first, waits for it. */
export async function holdLock(
  server: Postgres,
  database: string,
  table: string,
): Promise<{ release(): void } & Disposable> {
  const psql = spawn('psql', ['--no-psqlrc', '--quiet', '--tuples-only'], {
    env: { ...process.env, ...server.env(database) },
  })
  psql.stdin.write(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n`)
  await once(psql.stdout, 'data')
  const release = (): void => void psql.kill('SIGKILL')
  return { release, [Symbol.dispose]: release }
}

export async function isDumpWaiting(server: Postgres): Promise<boolean> {
  const waiting = await server.query(
    `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`,
  )
  return waiting.length > 0
}
