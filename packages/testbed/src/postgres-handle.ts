import { postgresEnv, postgresUrl, queryOnce, quoteIdentifier, type ClientTarget } from './postgres-client.ts'
import type { Postgres } from './postgres.ts'
import type { ServerRuntime } from './runtime.ts'
import { untilAnswered } from './until-answered.ts'

/** Waits until a PostgreSQL server that was just started answers; returns `server_version_num`. */
export async function untilPostgresAnswers(runtime: ServerRuntime, target: ClientTarget): Promise<number> {
  const rows = await untilAnswered(runtime, async () => await queryOnce(target, 'show server_version_num'))
  return Number(rows[0]?.['server_version_num'])
}

export interface PostgresFacts
  extends
    Pick<Postgres, 'mode' | 'socketFolder' | 'dataFolder' | 'binFolder' | 'caFile' | 'network' | 'version'>,
    ClientTarget {
  /** How the testbed itself connects: in the way that the caller's access rules are likeliest to allow. */
  readonly own: ClientTarget
}

/** What is the same for every PostgreSQL server, wherever it runs. */
export function postgresHandle(runtime: ServerRuntime, facts: PostgresFacts): Postgres {
  const { own, ...shown } = facts
  const { host, port, user, password } = facts
  const target = { host, port, user, password }
  const query: Postgres['query'] = async (sql, database) => await queryOnce(own, sql, database)
  return {
    ...shown,
    url: (database = 'postgres', as = {}) => postgresUrl(target, database, as),
    env: (database = 'postgres') => postgresEnv(target, database),
    query,
    createDatabase: async (name) => {
      await query(`create database ${quoteIdentifier(name)}`)
    },
    logText: runtime.logText,
    kill: runtime.kill,
    restart: async () => {
      await runtime.end('SIGINT')
      await runtime.start()
      await untilPostgresAnswers(runtime, own)
    },
    stop: runtime.remove,
    [Symbol.asyncDispose]: runtime.remove,
  }
}
