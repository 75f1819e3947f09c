import type { PgConnection } from './connection.ts'
import { runPsql } from './run-psql.ts'

const MOST = 3
const TIMEOUT_MS = 5000

/** Who keeps others from reading a table, those first who have the lock; then those who wait for it, and let nobody pass. */
const QUERY = String.raw`
SELECT format('process %s%s%s %s %I.%I exclusively',
    l.pid,
    coalesce(' (' || concat_ws(', ', nullif(a.application_name, ''), 'as ' || quote_ident(a.usename), a.state) || ')', ''),
    coalesce(', in a transaction since ' || to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC') || ',', ''),
    CASE WHEN l.granted THEN 'holds' ELSE 'waits to lock' END,
    n.nspname, c.relname)
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
 ORDER BY l.granted DESC, a.xact_start
 LIMIT ${MOST};
`

/** The sessions that keep a dump waiting, for a message; `undefined` when there are none or they cannot be known. */
export async function describeLocks(options: {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
}): Promise<string | undefined> {
  const { connection, env, signal } = options
  const answer = await runPsql(QUERY, { connection, env, signal, timeoutMs: TIMEOUT_MS }).catch(() => '')
  return answer === '' ? undefined : answer.split('\n').join('; ')
}
