import { functionCalls } from '../sql/ast.ts'
import type { Rule } from './rule.ts'

const SESSION_LOCK = /^pg_(?:try_)?advisory_(?:lock|unlock)(?:_shared|_all)?$/

/** Advisory locks that belong to a session rather than to a transaction. */
export const advisoryLock: Rule = {
  id: 'PGB010',
  title: 'Session-level advisory lock',
  why: 'The lock belongs to the backend, not to the client: unlock may reach another backend and return false, and the lock then stays until that backend goes away.',
  fix: 'Use pg_advisory_xact_lock or pg_try_advisory_xact_lock inside a transaction, or take the lock over a direct connection.',
  *check(unit) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      if (isDirect || 'DoStmt' in statement.node) continue
      for (const call of functionCalls(statement.node)) {
        if (!SESSION_LOCK.test(call.name)) continue
        yield {
          at: statement.locate(call.location),
          message: `${call.name}() acts on the lock of one backend, and the next statement may get another`,
          severity: 'error',
          confidence,
        }
      }
    }
    for (const fact of unit.facts) {
      if (fact.kind !== 'session-lock' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `${fact.via} takes a session-level advisory lock`,
        severity: 'error',
        confidence: fact.confidence,
      }
    }
  },
}
