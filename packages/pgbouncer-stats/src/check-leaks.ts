/**
 * What must not leak through a pool in transaction mode: what ends with its transaction, what
 * PgBouncer keeps for each client, and what earlier clients left behind on the server connections.
 * https://www.pgbouncer.org/features.html lists what needs a session.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from './check-pooling.ts'
import { withClient, type PoolingClient, type PoolingEndpoint } from './pooling-client.ts'

interface TransactionLeak {
  readonly name: string
  readonly what: string
  /** Run within a transaction. */
  readonly leave: readonly string[]
  /** True for another client that sees something of it. */
  readonly seen: string
}

/** PostgreSQL 16 tells apart who inherits a role and who may take it on. */
const MAY_TAKE_ON = `pg_has_role(session_user, oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`

const ADVISORY_CLASS = 1_869_640_560

const ADVISORY_KEY = randomInt(2 ** 31 - 1)

const TRANSACTION_LEAKS: readonly TransactionLeak[] = [
  {
    name: 'settings-do-not-leak',
    what: 'SET LOCAL',
    leave: [
      "SET LOCAL ops.pooling_check = 'left behind'",
      "SET LOCAL statement_timeout = '12345ms'",
      'SET LOCAL search_path = ops_pooling_check',
    ],
    seen: `coalesce(current_setting('ops.pooling_check', true), '') = 'left behind'
      OR current_setting('statement_timeout') = '12345ms' OR current_setting('search_path') = 'ops_pooling_check'`,
  },
  {
    name: 'roles-do-not-leak',
    what: 'SET LOCAL ROLE',
    leave: [
      `SELECT set_config('role', (SELECT rolname FROM pg_roles WHERE ${MAY_TAKE_ON} AND rolname <> session_user ORDER BY rolname LIMIT 1), true)`,
    ],
    seen: 'current_user <> session_user',
  },
  {
    name: 'advisory-locks-do-not-leak',
    what: 'pg_advisory_xact_lock',
    leave: [`SELECT pg_advisory_xact_lock(${ADVISORY_CLASS}, ${ADVISORY_KEY})`],
    seen: `EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = ${ADVISORY_CLASS} AND objid = ${ADVISORY_KEY})`,
  },
  {
    name: 'temporary-tables-do-not-leak',
    what: 'a temporary table with ON COMMIT DROP',
    leave: ['CREATE TEMPORARY TABLE ops_pooling_check (n int) ON COMMIT DROP'],
    seen: "to_regclass('pg_temp.ops_pooling_check') IS NOT NULL",
  },
  {
    name: 'cursors-do-not-leak',
    what: 'a cursor WITHOUT HOLD',
    leave: ['DECLARE ops_pooling_check CURSOR FOR SELECT 1'],
    seen: "EXISTS (SELECT FROM pg_cursors WHERE name = 'ops_pooling_check')",
  },
]

interface Leftover {
  readonly name: string
  readonly what: string
  /** A query for the names of what is left behind on this server connection. */
  readonly query: string
  readonly fix: string
}

/** Settings that PgBouncer keeps for each client, and sets on the server connection where they differ. */
const KEPT_BY_PGBOUNCER =
  "'application_name', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'standard_conforming_strings'"

const LEFTOVERS: readonly Leftover[] = [
  {
    name: 'no-settings-left-behind',
    what: 'settings',
    query: `SELECT name FROM pg_settings WHERE source = 'session' AND setting IS DISTINCT FROM reset_val AND name NOT IN (${KEPT_BY_PGBOUNCER})`,
    fix: 'use SET LOCAL in a transaction, or ALTER ROLE … SET (what connect_query sets is no leak, but shows here too)',
  },
  {
    name: 'no-roles-left-behind',
    what: 'another role',
    query: `SELECT current_user WHERE current_user <> session_user
      UNION SELECT session_user FROM pg_stat_activity WHERE pid = pg_backend_pid() AND usename <> session_user`,
    fix: 'use SET LOCAL ROLE in a transaction: whoever comes next has the rights of that role',
  },
  {
    name: 'no-advisory-locks-left-behind',
    what: 'advisory locks',
    query: `SELECT concat_ws(':', classid, objid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()`,
    fix: 'use pg_advisory_xact_lock, or a direct connection',
  },
  {
    name: 'no-listeners-left-behind',
    what: 'LISTEN on channels',
    query: 'SELECT pg_listening_channels()',
    fix: 'use a direct connection for LISTEN',
  },
  {
    name: 'no-sql-prepared-statements-left-behind',
    what: 'statements made by PREPARE',
    query: 'SELECT name FROM pg_prepared_statements WHERE from_sql',
    fix: "use the driver's prepared statements in the place of PREPARE",
  },
  {
    name: 'no-held-cursors-left-behind',
    what: 'cursors WITH HOLD',
    query: 'SELECT name FROM pg_cursors WHERE is_holdable',
    fix: 'use cursors within a transaction',
  },
  {
    name: 'no-temporary-tables-left-behind',
    what: 'temporary tables',
    query: `SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'p', 'v', 'm', 'S')`,
    fix: 'create them in a transaction, ON COMMIT DROP',
  },
]

export const LEAK_CHECKS: readonly (readonly [string, Check])[] = [
  ...TRANSACTION_LEAKS.map((leak): readonly [string, Check] => [
    leak.name,
    ({ pooled }) => endsWithItsTransaction(pooled, leak),
  ]),
  ['settings-follow-their-client', ({ pooled }) => settingsFollowTheirClient(pooled)],
  ['statement-names-do-not-collide', ({ pooled }) => statementNamesDoNotCollide(pooled)],
  ['lost-clients-leave-no-transaction', ({ pooled }) => lostClientsLeaveNoTransaction(pooled)],
]

/** Two clients take turns until one comes upon the server connection of the other: `turn` gives both backends. */
async function untilShared(
  endpoint: PoolingEndpoint,
  turn: (one: PoolingClient, other: PoolingClient) => Promise<readonly [unknown, unknown]>,
): Promise<void> {
  await withClient(endpoint, (one) =>
    withClient(endpoint, async (other) => {
      for (let turns = 0; turns < 20; turns += 1) {
        const [first, second] = await turn(one, other)
        if (first === second) return
      }
      throw new Error('not proven: in 20 turns no client came upon the server connection of another')
    }),
  )
}

async function endsWithItsTransaction(
  pooled: PoolingEndpoint,
  { what, leave, seen }: TransactionLeak,
): Promise<string> {
  await untilShared(pooled, async (one, other) => {
    await one.query('BEGIN')
    for (const statement of leave) await one.query(statement)
    const mine = await ask(one, 'SELECT pg_backend_pid() AS pid')
    await one.query('COMMIT')
    const theirs = await ask(other, `SELECT pg_backend_pid() AS pid, (${seen}) AS seen`)
    if (theirs['seen'] !== false) throw new Error(`${what} of one client was seen by the next one`)
    return [mine['pid'], theirs['pid']]
  })
  return `the next client on the same server connection saw nothing of ${what}`
}

async function settingsFollowTheirClient(pooled: PoolingEndpoint): Promise<string> {
  const zone = 'Pacific/Apia'
  const look = "SELECT pg_backend_pid() AS pid, current_setting('TimeZone') AS zone"
  await untilShared(pooled, async (one, other) => {
    await one.query(`SET TimeZone = '${zone}'`)
    const mine = await ask(one, look)
    const theirs = await ask(other, look)
    if (mine['zone'] !== zone)
      throw new Error('a client lost its TimeZone when it got another server connection')
    if (theirs['zone'] === zone) throw new Error('the TimeZone of one client was seen by the next one')
    return [mine['pid'], theirs['pid']]
  })
  return 'two clients on one server connection kept a TimeZone each'
}

async function statementNamesDoNotCollide(pooled: PoolingEndpoint): Promise<string> {
  const run = async (client: PoolingClient, added: number): Promise<unknown> => {
    const text = `SELECT pg_backend_pid() AS pid, $1::int + ${added} AS n`
    const { rows } = await client.query({ name: 'ops_check_name', text, values: [1] })
    if (rows[0]?.['n'] !== 1 + added) throw new Error("one client's statement was executed for another")
    return rows[0]['pid']
  }
  await untilShared(pooled, async (one, other) => [await run(one, 10), await run(other, 20)])
  return 'two clients on one server connection had a statement each under the same name'
}

/** How long PostgreSQL may take to roll back what a lost client had begun. */
const ROLLBACK_WITHIN_MS = 10_000

async function lostClientsLeaveNoTransaction(pooled: PoolingEndpoint): Promise<string> {
  const key = randomInt(2 ** 31 - 1)
  await withClient(pooled, async (lost) => {
    await lost.query('BEGIN')
    await lost.query(`SELECT pg_advisory_xact_lock(${ADVISORY_CLASS}, ${key})`)
  })
  return await withClient(pooled, async (next) => {
    const deadline = performance.now() + ROLLBACK_WITHIN_MS
    while (performance.now() < deadline) {
      const { free } = await ask(next, `SELECT pg_try_advisory_xact_lock(${ADVISORY_CLASS}, ${key}) AS free`)
      if (free === true) return 'the transaction of a client that went away was rolled back'
      await sleep(20)
    }
    throw new Error(
      `the transaction of a client that went away still held its lock after ${ROLLBACK_WITHIN_MS / 1000} s`,
    )
  })
}

/**
 * Only looks, at as many server connections as so many clients are served by at once. To be done first
 * of all: the other checks open, use and end server connections.
 */
export function leftoverChecks(
  pooled: PoolingEndpoint,
  concurrency: number,
): (readonly [name: string, work: Promise<string>])[] {
  const columns = LEFTOVERS.map(
    ({ query }, index) => `array_to_string(ARRAY(${query}), ', ') AS found${index}`,
  )
  // A moment's sleep keeps the server connection busy, so that the others get others.
  const sql = `SELECT pg_backend_pid() AS pid, ${columns.join(', ')} FROM pg_sleep(0.02)`
  const looks = Promise.all(
    Array.from({ length: concurrency }, () => withClient(pooled, (client) => ask(client, sql))),
  )
  return LEFTOVERS.map((leftover, index) => [
    leftover.name,
    looks.then((rows) => nothingLeftBehind(leftover, rows, `found${index}`)),
  ])
}

function nothingLeftBehind(
  { what, fix }: Leftover,
  looks: readonly Record<string, unknown>[],
  column: string,
): string {
  const backends = new Set(looks.map(({ pid }) => pid)).size
  const found = looks.filter((look) => look[column] !== '')
  if (found.length === 0) return `none on ${backends} server connections`
  const names = [...new Set(found.map((look) => String(look[column])))].join('; ')
  const count = new Set(found.map(({ pid }) => pid)).size
  throw new Error(
    `an earlier client left ${what} behind on ${count} of ${backends} server connections: ${names}; ${fix}`,
  )
}

async function ask(client: PoolingClient, sql: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query(sql)
  return rows[0] ?? {}
}
