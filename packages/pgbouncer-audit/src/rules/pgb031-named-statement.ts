import { preparedStatementSupport } from '../profile.ts'
import { conditionalSeverity, statementCondition } from './prepared-condition.ts'
import type { Rule } from './rule.ts'

/** Statements that the program names, so that the driver prepares them once per connection. */
export const namedStatement: Rule = {
  id: 'PGB031',
  title: 'Named prepared statement',
  why: 'The driver prepares a named statement once on what it takes for its own connection; without max_prepared_statements the next backend does not know it, or already has another of that name.',
  fix: 'Set max_prepared_statements (PgBouncer 1.21 or newer; 200 is the default since 1.24), or leave the name out.',
  *check(unit, profile) {
    const support = preparedStatementSupport(profile)
    if (support === 'works') return
    for (const fact of unit.facts) {
      if (fact.kind !== 'named-statement' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `This prepares a named statement (${fact.via}), which ${statementCondition(profile)}`,
        severity: conditionalSeverity(support),
        confidence: fact.confidence,
      }
    }
  },
}
