import { ADMIN_USER, STATS_USER, type ConsolePasswords } from './pgbouncer-conf.ts'
import type { PgBouncer } from './pgbouncer.ts'
import { postgresEnv, postgresUrl, queryOnce } from './postgres-client.ts'
import type { Postgres } from './postgres.ts'
import type { ServerRuntime } from './runtime.ts'
import { untilAnswered } from './until-answered.ts'

/** Commands such as PAUSE wait for clients; a test shall hear of it before its own time is over. */
const ADMIN_TIMEOUT_MS = 50_000

export interface PgBouncerFacts extends Pick<PgBouncer, 'mode' | 'host' | 'port' | 'iniPath'> {
  readonly postgres: Postgres
  readonly passwords: ConsolePasswords
  /** Brings the files that the caller may have changed to where PgBouncer reads them. */
  readonly publishFiles: () => Promise<void>
}

/** What is the same for every PgBouncer, wherever it runs; waits until it answers. */
export async function pgBouncerHandle(runtime: ServerRuntime, facts: PgBouncerFacts): Promise<PgBouncer> {
  const { mode, host, port, iniPath, passwords, postgres } = facts
  const target = { host, port, user: postgres.user, password: postgres.password }
  const console_ = { host, port, user: ADMIN_USER, password: passwords.adminPassword }
  const admin: PgBouncer['admin'] = async (command) => {
    try {
      return await queryOnce({ ...console_, query_timeout: ADMIN_TIMEOUT_MS }, command, 'pgbouncer')
    } catch (cause) {
      throw new Error(`${command} on PgBouncer's console: ${(cause as Error).message}`, { cause })
    }
  }
  const untilReady = async (): Promise<string> => {
    const rows = await untilAnswered(runtime, async () => await admin('SHOW VERSION'))
    return /\d+\.\d+\.\d+/.exec(String(rows[0]?.['version']))?.[0] ?? ''
  }
  const version = await untilReady()
  return {
    mode,
    host,
    port,
    iniPath,
    version,
    adminUser: ADMIN_USER,
    statsUser: STATS_USER,
    ...passwords,
    adminUrl: postgresUrl(target, 'pgbouncer', { user: ADMIN_USER, password: passwords.adminPassword }),
    url: (database = 'postgres', as = {}) => postgresUrl(target, database, as),
    env: (database = 'postgres') => postgresEnv(target, database),
    query: async (sql, database) => await queryOnce(target, sql, database),
    admin,
    logText: runtime.logText,
    reload: async () => {
      await facts.publishFiles()
      await admin('RELOAD')
    },
    kill: runtime.kill,
    restart: async () => {
      // It has no state to save, and its signals for an orderly end differ between versions.
      await runtime.end('SIGKILL')
      await facts.publishFiles()
      await runtime.start()
      await untilReady()
    },
    stop: runtime.remove,
    [Symbol.asyncDispose]: runtime.remove,
  }
}
