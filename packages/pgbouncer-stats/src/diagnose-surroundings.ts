/** Names that do not resolve, and prepared statements that do not last. */
import type { Diagnosis } from './diagnosis.ts'
import type { Snapshot } from './read-pgbouncer.ts'

export function diagnoseDns(
  { lists = [], dnsHosts = [] }: Snapshot,
  before: Snapshot | undefined,
): Diagnosis[] {
  const pending = lists.find(({ list }) => list === 'dns_pending')?.items ?? 0
  const pendingBefore = before?.lists?.find(({ list }) => list === 'dns_pending')?.items ?? 0
  const findings: Diagnosis[] = dnsHosts
    .filter(({ addrs }) => addrs === null)
    .map(({ hostname }) => ({
      code: 'dns-no-address',
      severity: 'critical',
      subject: hostname,
      message: `the name "${hostname}" has no address: no new server connection can be made`,
      evidence: { hostname },
      nextStep:
        'check the name and the resolver; dns_nxdomain_ttl says how long PgBouncer remembers a failure',
    }))
  if (pending > 0 && pendingBefore > 0) {
    findings.push({
      code: 'dns-slow',
      severity: 'warning',
      subject: 'PgBouncer',
      message: `${pending} DNS queries are not answered`,
      evidence: { pending },
      nextStep: 'check the resolver that PgBouncer uses (resolv_conf)',
    })
  }
  return findings
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
