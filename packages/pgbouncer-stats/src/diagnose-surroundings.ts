/** Names that do not resolve, and prepared statements that do not last. */
import type { Diagnosis } from './diagnosis.ts'
import type { Snapshot } from './read-pgbouncer.ts'

export function diagnoseDns(now: Snapshot, before: Snapshot | undefined): Diagnosis[] {
  const asked = unanswered(now)
  const askedBefore = before === undefined ? new Map<string, number>() : unanswered(before)
  const nameless = (now.dnsHosts ?? []).filter(
    ({ addrs, hostname }) => addrs === null && !asked.has(hostname),
  )
  return [
    ...nameless.map(({ hostname }): Diagnosis => ({
      code: 'dns-no-address',
      severity: 'critical',
      subject: hostname,
      message: `the name "${hostname}" has no address: no new server connection can be made`,
      evidence: { hostname },
      nextStep:
        'check the name and the resolver; dns_nxdomain_ttl says how long PgBouncer remembers a failure',
    })),
    ...[...asked]
      .filter(([hostname]) => askedBefore.has(hostname))
      .map(([hostname, logins]): Diagnosis => ({
        code: 'dns-slow',
        severity: 'warning',
        subject: hostname,
        message: `the resolver has not answered for "${hostname}" yet: ${logins} new server connections wait for its address`,
        evidence: { hostname, logins },
        nextStep: 'check the resolver that PgBouncer uses (/etc/resolv.conf, or its setting resolv_conf)',
      })),
  ]
}

/**
 * Names that PgBouncer has asked for and has no answer to, with the server connections that wait for it.
 * A failure would have time left in which it is remembered. SHOW LISTS does not tell: its `dns_pending`
 * is always 0, and its `dns_queries` is counted down for names from the cache as well.
 */
function unanswered({ databases = [], dnsHosts = [], pools = [] }: Snapshot): Map<string, number> {
  const open = dnsHosts
    .filter(({ addrs, ttlSeconds }) => addrs === null && ttlSeconds === 0)
    .map(({ hostname }): [string, number] => {
      const behind = new Set(
        databases.filter(({ host }) => host?.split(',').includes(hostname)).map(({ name }) => name),
      )
      const logins = pools
        .filter(({ database }) => behind.has(database))
        .reduce((sum, { svLogin }) => sum + svLogin, 0)
      return [hostname, logins]
    })
  return new Map(open.filter(([, logins]) => logins > 0))
}

/** More than this share of parses reach PostgreSQL: the cache of prepared statements does not hold them. */
const CHURN_SHARE = 0.5

const CHURN_LEAST = 100

export function diagnoseStatements(now: Snapshot, before: Snapshot | undefined): Diagnosis[] {
  const limit = now.config?.find(({ key }) => key === 'max_prepared_statements')?.value ?? '0'
  if (before === undefined || Number(limit) === 0) return []
  return (now.statsTotals ?? []).flatMap((row): Diagnosis[] => {
    const earlier = before.statsTotals?.find(({ database }) => database === row.database)
    if (earlier === undefined) return []
    const binds = Number(row.bindCount ?? 0) - Number(earlier.bindCount ?? 0)
    const parses = Number(row.serverParseCount ?? 0) - Number(earlier.serverParseCount ?? 0)
    if (binds < CHURN_LEAST || parses < binds * CHURN_SHARE) return []
    return [
      {
        code: 'prepared-statement-churn',
        severity: 'warning',
        subject: row.database,
        message: `${parses} statements were prepared on PostgreSQL for ${binds} executions: they are thrown out before they are used again`,
        evidence: { serverParses: parses, binds, maxPreparedStatements: limit },
        nextStep: 'raise max_prepared_statements, or stop putting values into the text of statements',
      },
    ]
  })
}
