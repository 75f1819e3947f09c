import { preparedStatementSupport } from '../profile.ts'
import { conditionalSeverity, statementCondition } from './prepared-condition.ts'
import type { Rule } from './rule.ts'

/** Drivers that prepare every statement unless told not to. */
export const implicitPrepare: Rule = {
  id: 'PGB032',
  title: 'Driver that prepares by default',
  why: 'The driver names and prepares every statement by itself; without max_prepared_statements the next backend does not know it. postgres.js retries outside transactions, and fails inside sql.begin().',
  fix: 'Set max_prepared_statements, or switch it off: prepare: false (postgres.js, Bun.SQL), pgbouncer=true in the URL (Prisma up to 6).',
  *check(unit, profile) {
    const support = preparedStatementSupport(profile)
    if (support === 'works') return
    for (const fact of unit.facts) {
      if (fact.kind !== 'implicit-prepare' || fact.isDirect) continue
      // A Prisma schema alone does not say that it goes through a pooler.
      if (support === 'unknown' && fact.confidence === 'low') continue
      yield {
        at: fact.at,
        message: `${fact.via} prepares every statement, which ${statementCondition(profile)}`,
        severity: conditionalSeverity(support),
        confidence: fact.confidence,
      }
    }
  },
}
