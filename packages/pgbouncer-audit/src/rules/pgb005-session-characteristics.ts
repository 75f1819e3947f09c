import { isTracked, type Profile } from '../profile.ts'
import type { Node } from '../sql/grammar.ts'
import type { Rule } from './rule.ts'

/** `SET SESSION CHARACTERISTICS AS TRANSACTION …`. */
export const sessionCharacteristics: Rule = {
  id: 'PGB005',
  title: 'SET SESSION CHARACTERISTICS',
  why: 'The default stays on the backend: transactions of other clients become read-only, or get another isolation level.',
  fix: 'Say it where the transaction begins (BEGIN ISOLATION LEVEL … READ ONLY), or in its first statement (SET TRANSACTION …).',
  *check(unit, profile) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      const { node } = statement
      if (isDirect || !('VariableSetStmt' in node) || node.VariableSetStmt.name !== 'SESSION CHARACTERISTICS')
        continue
      if (setsOnlyTracked(node.VariableSetStmt.args ?? [], profile)) continue
      yield {
        at: statement.at,
        message: 'SET SESSION CHARACTERISTICS changes the transactions of other clients',
        severity: 'error',
        confidence,
      }
    }
  },
}

/** READ ONLY sets `default_transaction_read_only`, which new versions carry along with the client. */
function setsOnlyTracked(characteristics: readonly Node[], profile: Profile): boolean {
  return characteristics.every(
    (each) => 'DefElem' in each && isTracked(`default_${each.DefElem.defname ?? ''}`, profile),
  )
}
