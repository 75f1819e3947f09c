/** What databases, clients and server connections say together. */
import type { Diagnosis } from './diagnosis.ts'
import type { Snapshot } from './read-pgbouncer.ts'
import type { PoolRow } from './show-rows.ts'

/** PgBouncer logs in once at a time in each pool, so these are as many pools. */
const MANY_SERVER_LOGINS = 3

export function diagnoseDatabases({ databases = [], pools = [], state = [] }: Snapshot): Diagnosis[] {
  const findings = databases
    .filter(({ name, paused }) => paused && name !== 'pgbouncer')
    .map(({ name }) => diagnosePause(name, pools))
  for (const { name } of databases.filter(({ disabled }) => disabled)) {
    findings.push({
      code: 'database-disabled',
      severity: 'warning',
      subject: name,
      message: `the database "${name}" is disabled: it accepts no new clients`,
      evidence: { disabled: 1 },
      nextStep: `ENABLE ${name} on the admin console`,
    })
  }
  for (const { name, currentConnections, maxConnections } of databases) {
    if (maxConnections > 0 && currentConnections >= maxConnections) {
      findings.push({
        code: 'database-limit',
        severity: 'warning',
        subject: name,
        message: `"${name}" has ${currentConnections} server connections, as many as max_db_connections allows`,
        evidence: { connections: currentConnections, limit: maxConnections },
        nextStep: 'raise max_db_connections, or make the pools of its users smaller',
      })
    }
  }
  for (const what of ['paused', 'suspended']) {
    if (!state.some(({ key, value }) => key === what && value)) continue
    findings.push({
      code: what,
      severity: 'critical',
      subject: 'PgBouncer',
      message: `PgBouncer is ${what}: all clients wait`,
      evidence: { [what]: 1 },
      nextStep: 'RESUME on the admin console, if maintenance is over',
    })
  }
  return findings
}

/** PAUSE itself is answered only when every transaction has ended. */
function diagnosePause(name: string, pools: readonly PoolRow[]): Diagnosis {
  const inUse = pools
    .filter(({ database }) => database === name)
    .reduce((sum, { svActive, svTested }) => sum + svActive + svTested, 0)
  const connections = inUse === 1 ? 'connection that is' : 'connections that are'
  return {
    code: 'database-paused',
    severity: 'critical',
    subject: name,
    message:
      inUse === 0
        ? `the database "${name}" is paused: its clients wait`
        : `the database "${name}" is being paused: its clients wait, and PAUSE waits for ${inUse} server ${connections} in use`,
    evidence: { inUse },
    nextStep:
      inUse === 0
        ? `RESUME ${name} on the admin console, if maintenance is over`
        : `end the transactions in the way (pg_stat_activity, oldest xact_start first), or RESUME ${name} on another admin console to give up`,
  }
}

export function diagnoseClients({
  lists = [],
  config = [],
  pools = [],
  databases = [],
}: Snapshot): Diagnosis[] {
  const used = lists.find(({ list }) => list === 'used_clients')?.items ?? 0
  const logins = lists.find(({ list }) => list === 'login_clients')?.items ?? 0
  const limit = Number(config.find(({ key }) => key === 'max_client_conn')?.value ?? 0)
  const findings: Diagnosis[] = []
  if (limit > 0 && used >= limit * 0.9) {
    findings.push({
      code: 'max-client-conn',
      severity: used >= limit ? 'critical' : 'warning',
      subject: 'PgBouncer',
      message:
        used >= limit
          ? `all ${limit} client slots are taken: new clients are refused`
          : `${used} of ${limit} client slots are taken`,
      evidence: { clients: used, limit },
      nextStep:
        "raise max_client_conn (and the process's open files), or make the application's pools smaller",
    })
  }
  if (logins >= 10) {
    findings.push({
      code: 'client-logins-pile-up',
      severity: 'warning',
      subject: 'PgBouncer',
      message: `${logins} clients are logging in at the same time`,
      evidence: { logins },
      nextStep: 'clients reconnect too often, or auth_query is slow',
    })
  }
  const serverLogins = pools.reduce((sum, { svLogin }) => sum + svLogin, 0)
  if (serverLogins >= MANY_SERVER_LOGINS) {
    findings.push({
      code: 'logins-pile-up',
      severity: 'warning',
      subject: 'PgBouncer',
      message: `${serverLogins} server connections are logging in at the same time`,
      evidence: { logins: serverLogins },
      nextStep:
        'PostgreSQL is slow to accept connections, or does not answer: look at its log, at max_connections and at the network',
    })
  }
  const servable = new Map(
    databases.map(({ name, poolSize, reservePoolSize }) => [name, poolSize + reservePoolSize]),
  )
  for (const { database, user, clActive, clWaiting, poolMode } of pools) {
    const servers = servable.get(database) ?? 0
    const clientCount = clActive + clWaiting
    if (database === 'pgbouncer' || servers === 0 || clientCount <= servers * CLIENTS_PER_SERVER) continue
    findings.push({
      code: 'app-pool-too-large',
      severity: 'warning',
      subject: `${database}/${user}`,
      message: `${clientCount} clients share at most ${servers} server connections${poolMode === 'session' ? ', each of which serves one client until it leaves' : ''}`,
      evidence: { clients: clientCount, servers },
      nextStep: `make the application's pools smaller: more than ${servers * CLIENTS_PER_SERVER} clients only wait for each other (see sizePools)`,
    })
  }
  return findings
}

/** With more clients than this for each server connection, an application's pool is not sized but guessed. */
const CLIENTS_PER_SERVER = 20

export function diagnoseServerTotal(
  { pools = [], databases = [] }: Snapshot,
  postgresConnections: number | undefined,
): Diagnosis[] {
  if (postgresConnections === undefined) return []
  const open = pools.reduce(
    (sum, pool) => sum + pool.svActive + pool.svIdle + pool.svUsed + pool.svTested + pool.svLogin,
    0,
  )
  const users = new Map<string, number>()
  for (const { database } of pools) users.set(database, (users.get(database) ?? 0) + 1)
  const possible = databases
    .filter(({ name }) => name !== 'pgbouncer')
    .reduce((sum, { name, poolSize, reservePoolSize, maxConnections }) => {
      const wanted = (users.get(name) ?? 1) * (poolSize + reservePoolSize)
      return sum + (maxConnections > 0 ? Math.min(maxConnections, wanted) : wanted)
    }, 0)
  if (possible <= postgresConnections) return []
  return [
    {
      code: 'over-postgres-limit',
      severity: open > postgresConnections * 0.9 ? 'critical' : 'warning',
      subject: 'PgBouncer',
      message: `the pools may open ${possible} server connections and PostgreSQL allows ${postgresConnections}; ${open} are open`,
      evidence: { possible, open, limit: postgresConnections },
      nextStep: 'set max_db_connections so that the sum fits (see sizePools)',
    },
  ]
}
