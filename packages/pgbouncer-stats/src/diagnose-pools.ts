/** What a single pool says. */
import type { Diagnosis } from './diagnosis.ts'
import type { Snapshot } from './read-pgbouncer.ts'
import type { PoolRow } from './show-rows.ts'

/** Below this a wait is not worth a finding: a busy pool always has somebody who waits for a moment. */
const SHORT_WAIT_SECONDS = 0.1

const LONG_WAIT_SECONDS = 1

export function diagnosePool(pool: PoolRow, now: Snapshot, before: Snapshot | undefined): Diagnosis[] {
  const subject = `${pool.database}/${pool.user}`
  const size = poolSizeOf(pool, now)
  const inUse = pool.svActive + (pool.svBeingCanceled ?? 0) + (pool.svActiveCancel ?? 0)
  const idle = pool.svIdle + pool.svUsed
  const evidence = {
    waiting: pool.clWaiting,
    active: pool.svActive,
    idle,
    poolSize: size,
    maxWaitSeconds: pool.maxWaitSeconds,
  }
  const isWaiting = pool.clWaiting > 0 && pool.maxWaitSeconds >= SHORT_WAIT_SECONDS
  const earlier = before?.pools?.find(
    ({ database, user }) => database === pool.database && user === pool.user,
  )
  const isWaitingForLogin =
    (isWaiting && pool.svLogin > 0) || (isInFirstLogin(pool) && isInFirstLogin(earlier))
  const isPaused = now.databases?.some(({ name, paused }) => name === pool.database && paused) === true
  const findings: Diagnosis[] = []

  if (isWaiting && !isPaused && idle > 0) {
    findings.push({
      code: 'waiting-though-idle',
      severity: 'warning',
      subject,
      message: `${clients(pool.clWaiting)} for ${seconds(pool.maxWaitSeconds)} although ${idle} server connections are idle`,
      evidence,
      nextStep:
        pool.svTested > 0
          ? 'server_check_query is slow: look at PostgreSQL and at the network'
          : 'look whether max_user_connections or max_db_connections holds them back, and at the PgBouncer log',
    })
  } else if (isWaiting && !isPaused && size > 0 && inUse >= size) {
    const holders = holdersOf(pool, now)
    findings.push({
      code: 'pool-exhausted',
      severity: pool.maxWaitSeconds >= LONG_WAIT_SECONDS ? 'critical' : 'warning',
      subject,
      message: `all ${size} server connections are in use and ${clients(pool.clWaiting)} for ${seconds(pool.maxWaitSeconds)}${holders}`,
      evidence,
      nextStep:
        'look for long or idle transactions in pg_stat_activity; if all are short, a larger pool_size helps as long as PostgreSQL has idle cores',
    })
  } else if (isWaitingForLogin && !isPaused) {
    findings.push({
      code: 'waiting-for-login',
      severity: 'warning',
      subject,
      message: `${clients(pool.clWaiting)} while ${pool.svLogin} server connections log in`,
      evidence: { ...evidence, logins: pool.svLogin },
      nextStep:
        'look whether PostgreSQL is reachable, is out of connections, or refuses the password: the PgBouncer log says which',
    })
  } else if (isWaiting && !isPaused && inUse === 0) {
    findings.push({
      code: 'no-server',
      severity: 'critical',
      subject,
      message: `${clients(pool.clWaiting)} for ${seconds(pool.maxWaitSeconds)} and there is no server connection at all`,
      evidence,
      nextStep:
        now.state === undefined
          ? 'PostgreSQL cannot be reached or refuses the login, or somebody has paused all of PgBouncer, which it tells only from 1.19 on: its log says which; RESUME on the admin console ends a pause'
          : 'PostgreSQL cannot be reached or refuses the login: the PgBouncer log says which',
    })
  }
  return [...findings, ...growingWait(pool, subject, earlier)]
}

/**
 * Until the first server connection of a pool is there, PgBouncer does not let clients in, and counts no
 * wait for them. For a moment that is how every pool begins; twice in a row nobody gets in.
 */
function isInFirstLogin(pool: PoolRow | undefined): boolean {
  return (
    pool !== undefined &&
    pool.clWaiting > 0 &&
    pool.svLogin > 0 &&
    pool.svActive + pool.svIdle + pool.svUsed + pool.svTested === 0
  )
}

function growingWait(pool: PoolRow, subject: string, earlier: PoolRow | undefined): Diagnosis[] {
  if (
    earlier === undefined ||
    pool.maxWaitSeconds < SHORT_WAIT_SECONDS ||
    pool.maxWaitSeconds <= earlier.maxWaitSeconds
  )
    return []
  if (earlier.clWaiting === 0) return []
  return [
    {
      code: 'wait-grows',
      severity: 'critical',
      subject,
      message: `the longest wait grew from ${seconds(earlier.maxWaitSeconds)} to ${seconds(pool.maxWaitSeconds)}: the queue does not drain`,
      evidence: { before: earlier.maxWaitSeconds, now: pool.maxWaitSeconds },
      nextStep: 'find what holds the server connections (pg_stat_activity, longest xact_start first)',
    },
  ]
}

/** Who holds the server connections, by application, where SHOW CLIENTS was read. */
function holdersOf(pool: PoolRow, { clients: rows = [], servers = [] }: Snapshot): string {
  const linked = new Set(servers.filter(({ state }) => state === 'active').map(({ link }) => link))
  const counts = new Map<string, number>()
  for (const client of rows) {
    if (client.database !== pool.database || client.user !== pool.user || !linked.has(client.ptr)) continue
    const name = client.applicationName ?? client.addr ?? 'unknown'
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const ranked = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, 3)
  return ranked.length === 0
    ? ''
    : `; held by ${ranked.map(([name, count]) => `${name} (${count})`).join(', ')}`
}

export function diagnoseCancels({ pools = [] }: Snapshot): Diagnosis[] {
  return pools.flatMap((pool): Diagnosis[] => {
    const cancels = (pool.clWaitingCancelReq ?? 0) + (pool.clActiveCancelReq ?? 0)
    if (cancels < 10) return []
    return [
      {
        code: 'cancel-storm',
        severity: 'warning',
        subject: `${pool.database}/${pool.user}`,
        message: `${cancels} cancel requests are under way: clients give up in numbers`,
        evidence: { cancels },
        nextStep:
          "statements take longer than the clients' timeouts: find them in pg_stat_activity; cancels take server connections too",
      },
    ]
  })
}

/** The pool's own size: the user's, or the database's. */
function poolSizeOf({ database, user }: PoolRow, { databases = [], users = [] }: Snapshot): number {
  const own = users.find(({ name }) => name === user)?.poolSize
  return own ?? databases.find(({ name }) => name === database)?.poolSize ?? 0
}

function clients(count: number): string {
  return count === 1 ? '1 client waits' : `${count} clients wait`
}

function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`
}
