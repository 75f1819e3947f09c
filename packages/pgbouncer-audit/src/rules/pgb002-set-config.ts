import { isTracked } from '../profile.ts'
import { constantValue, functionCalls } from '../sql/ast.ts'
import { isTransactionScoped } from '../sql/settings.ts'
import { atMost, type Rule } from './rule.ts'

/** `set_config(name, value, false)`: SET in the shape of a function. */
export const setConfig: Rule = {
  id: 'PGB002',
  title: 'set_config() for the session',
  why: 'With is_local false the setting stays on the backend, which the next client may get: a tenant or user id set this way reaches another tenant.',
  fix: 'Pass true as the third argument, inside the transaction that needs the setting.',
  *check(unit, profile) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      if (isDirect || isDefinition(statement.node)) continue
      for (const call of functionCalls(statement.node)) {
        if (call.name !== 'set_config') continue
        const [nameArg, , localArg] = call.args
        const name = constantValue(nameArg)
        const isLocal = constantValue(localArg)
        if (
          isTrue(isLocal) ||
          (typeof name === 'string' && (isTracked(name, profile) || isTransactionScoped(name)))
        )
          continue
        const isKnown = isLocal !== undefined
        yield {
          at: statement.locate(call.location),
          message: `set_config(${typeof name === 'string' ? `'${name}'` : '…'}, …, ${isKnown ? 'false' : 'unknown'}) ${isKnown ? 'outlives' : 'may outlive'} its transaction and leak${isKnown ? 's' : ''} to other clients`,
          severity: isKnown ? 'error' : 'warning',
          confidence: isKnown ? confidence : atMost(confidence, 'medium'),
        }
      }
    }
  },
}

function isTrue(value: unknown): boolean {
  return value === true || (typeof value === 'string' && /^(?:t|true|on|yes|1)$/i.test(value))
}

/** What a routine's body does is judged statement by statement, apart from its definition. */
function isDefinition(node: object): boolean {
  return 'DoStmt' in node
}
