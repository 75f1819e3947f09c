import { constantValue, functionCalls } from '../sql/ast.ts'
import { atMost, type Rule } from './rule.ts'

/** `SET LOCAL` with no transaction around it: PostgreSQL warns, and does nothing. */
export const localOutsideTransaction: Rule = {
  id: 'PGB003',
  title: 'SET LOCAL outside a transaction',
  why: 'Without a transaction SET LOCAL does nothing, and set_config(…, true) ends with its own statement: the next statement runs without the setting, on whichever backend it gets.',
  fix: 'Begin a transaction, and send the SET LOCAL and the statements that need it inside it, on the same connection.',
  *check(unit) {
    for (const { statement, transaction, isDirect, confidence, batch } of unit.statements) {
      if (isDirect || transaction !== 'outside' || batch.length > 1 || statement.inRoutine) continue
      const { node } = statement
      if ('VariableSetStmt' in node && node.VariableSetStmt.is_local === true) {
        yield {
          at: statement.at,
          message: `SET LOCAL ${node.VariableSetStmt.name ?? ''} has no transaction around it and does nothing`,
          severity: 'warning',
          confidence,
        }
      } else if (
        'SelectStmt' in node &&
        node.SelectStmt.fromClause === undefined &&
        node.SelectStmt.targetList?.length === 1
      ) {
        const [call] = functionCalls(node)
        if (call?.name !== 'set_config' || constantValue(call.args[2]) !== true) continue
        yield {
          at: statement.locate(call.location),
          message: 'set_config(…, true) has no transaction around it: the setting ends with this statement',
          severity: 'warning',
          confidence: atMost(confidence, 'medium'),
        }
      }
    }
  },
}
