import type { Rule } from './rule.ts'

/** `LISTEN`, in SQL or by a library. */
export const listen: Rule = {
  id: 'PGB020',
  title: 'LISTEN',
  why: 'The backend that listens goes back to the pool when the statement ends, and notifications never reach this client. NOTIFY is safe.',
  fix: 'Listen over a direct connection, or poll.',
  *check(unit) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      if (isDirect || !('ListenStmt' in statement.node)) continue
      yield {
        at: statement.at,
        message: 'LISTEN through PgBouncer receives nothing',
        severity: 'error',
        confidence,
      }
    }
    for (const fact of unit.facts) {
      if (fact.kind !== 'listen' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `${fact.via} uses LISTEN, which receives nothing through PgBouncer`,
        severity: 'error',
        confidence: fact.confidence,
      }
    }
  },
}
