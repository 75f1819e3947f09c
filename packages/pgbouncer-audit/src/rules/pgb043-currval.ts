import { functionCalls } from '../sql/ast.ts'
import { atMost, type Rule } from './rule.ts'

/** `currval` and `lastval` in another transaction than the INSERT. */
export const currval: Rule = {
  id: 'PGB043',
  title: 'currval() or lastval() outside the transaction',
  why: "The sequence's last value is remembered by one backend: on another it is an error, or another client's number.",
  fix: 'Use INSERT … RETURNING, or call it in the same transaction as the INSERT.',
  *check(unit) {
    for (const { statement, isDirect, transaction, confidence, batch } of unit.statements) {
      if (isDirect || statement.inRoutine || transaction === 'inside') continue
      const calls = functionCalls(statement.node)
      // An INSERT or nextval() that is sent with it gives the backend its value.
      if (calls.some((call) => call.name === 'nextval') || followsInsert(statement, batch)) continue
      for (const call of calls) {
        if (call.name !== 'currval' && call.name !== 'lastval') continue
        yield {
          at: statement.locate(call.location),
          message: `${call.name}() asks whichever backend it gets`,
          severity: 'error',
          confidence: transaction === 'outside' ? confidence : atMost(confidence, 'medium'),
        }
      }
    }
  },
}

function followsInsert(statement: object, batch: readonly { readonly node: object }[]): boolean {
  const before = batch.slice(
    0,
    batch.findIndex((each) => each === statement),
  )
  return before.some(({ node }) => 'InsertStmt' in node || JSON.stringify(node).includes('"nextval"'))
}
