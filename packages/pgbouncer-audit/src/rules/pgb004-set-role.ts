import { isTracked } from '../profile.ts'
import type { Rule } from './rule.ts'

/** `SET ROLE`: a security hole, not only a leak. */
export const setRole: Rule = {
  id: 'PGB004',
  title: 'SET ROLE for the session',
  why: 'The backend keeps the role, and the next client that gets it runs with the rights of that role.',
  fix: 'Use SET LOCAL ROLE inside the transaction, or connect as the role itself.',
  *check(unit, profile) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      const { node } = statement
      if (isDirect || !('VariableSetStmt' in node)) continue
      const { kind, name = '', is_local: isLocal } = node.VariableSetStmt
      if (
        (name !== 'role' && name !== 'session_authorization') ||
        isLocal === true ||
        isTracked(name, profile) ||
        kind !== 'VAR_SET_VALUE'
      )
        continue
      if (node.VariableSetStmt.args?.some((arg) => 'ParamRef' in arg) === true) continue
      yield {
        at: statement.at,
        message: `SET ${name === 'role' ? 'ROLE' : 'SESSION AUTHORIZATION'} stays on the backend: another client will run as this role`,
        severity: 'error',
        confidence,
      }
    }
  },
}
