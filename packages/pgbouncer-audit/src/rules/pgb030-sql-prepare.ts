import { walkSql } from '../sql/ast.ts'
import type { Rule } from './rule.ts'

/** PREPARE, EXECUTE and DEALLOCATE as SQL, which PgBouncer does not follow in any version. */
export const sqlPrepare: Rule = {
  id: 'PGB030',
  title: 'PREPARE, EXECUTE or DEALLOCATE in SQL',
  why: 'PgBouncer follows prepared statements of the protocol only. One prepared in SQL exists on one backend, and EXECUTE may get another.',
  fix: "Send the statement with parameters, and let the driver prepare it; drop DEALLOCATE, which takes the driver's statements away as well.",
  *check(unit) {
    for (const { statement, isDirect, confidence, batch } of unit.statements) {
      if (isDirect || statement.inRoutine || isSelfContained(batch)) continue
      const word = preparedWord(statement.node)
      if (word === undefined) continue
      yield {
        at: statement.at,
        message: `${word} in SQL is tied to one backend, whatever max_prepared_statements is`,
        severity: 'error',
        confidence,
      }
    }
  },
}

function preparedWord(node: object): string | undefined {
  if ('PrepareStmt' in node) return 'PREPARE'
  if ('DeallocateStmt' in node) return 'DEALLOCATE'
  let word: string | undefined
  walkSql(node, (tag) => {
    if (tag === 'ExecuteStmt') word = 'EXECUTE'
  })
  return word
}

/** PREPARE, EXECUTE and DEALLOCATE in one message reach one backend, and leave nothing there. */
function isSelfContained(batch: readonly { readonly node: object }[]): boolean {
  return batch.some(({ node }) => 'PrepareStmt' in node) && batch.some(({ node }) => 'DeallocateStmt' in node)
}
