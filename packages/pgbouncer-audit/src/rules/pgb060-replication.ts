import { isAtLeast } from '../profile.ts'
import type { Rule } from './rule.ts'

/** Replication connections, which old versions refuse. */
export const replication: Rule = {
  id: 'PGB060',
  title: 'Replication connection',
  why: 'PgBouncer refuses replication connections before 1.23; since then it gives each one a server connection of its own.',
  fix: 'Connect to PostgreSQL directly for replication, or use PgBouncer 1.23 or newer.',
  inSessionMode: true,
  *check(unit, profile) {
    if (profile.version !== null && isAtLeast(profile.version, '1.23')) return
    for (const fact of unit.facts) {
      if (fact.kind !== 'replication' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `${fact.via} opens a replication connection, which PgBouncer ${profile.version ?? 'before 1.23'} refuses`,
        severity: profile.version === null ? 'warning' : 'error',
        confidence: fact.confidence,
      }
    }
  },
}
