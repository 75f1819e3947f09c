import { isTracked } from '../profile.ts'
import { HOLE } from '../sql/text.ts'
import { isSetting, isTransactionScoped } from '../sql/settings.ts'
import { atMost, type Rule } from './rule.ts'

/** `SET name`, which stays on a backend that the next client gets. */
export const sessionSet: Rule = {
  id: 'PGB001',
  title: 'SET without LOCAL',
  why: 'The setting stays on the backend, which the next transaction of any client may get, while this client may get another backend without it.',
  fix: 'Use SET LOCAL inside the transaction that needs it, or ALTER ROLE … SET for a setting that always holds.',
  *check(unit, profile) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      const { node } = statement
      if (isDirect || !('VariableSetStmt' in node)) continue
      const { kind, name = '', is_local: isLocal, args = [] } = node.VariableSetStmt
      if (isLocal === true || (kind !== 'VAR_SET_VALUE' && kind !== 'VAR_SET_DEFAULT')) continue
      if (
        name === 'role' ||
        name === 'session_authorization' ||
        isTransactionScoped(name) ||
        isTracked(name, profile)
      )
        continue
      // `SET role = $1` is a fragment of an UPDATE: SET takes no parameters.
      if (args.some((arg) => 'ParamRef' in arg)) continue
      const isUnknown = name.startsWith(HOLE)
      if (!isUnknown && !isSetting(name)) continue
      yield {
        at: statement.at,
        message: `SET ${isUnknown ? '…' : name} outlives its transaction and leaks to other clients`,
        severity: 'error',
        confidence: isUnknown ? atMost(confidence, 'medium') : confidence,
      }
    }
  },
}
