import type { Rule } from './rule.ts'

/** `LOAD 'library'`. */
export const load: Rule = {
  id: 'PGB042',
  title: 'LOAD',
  why: 'The library is loaded into one backend, and the next statement may get another.',
  fix: 'Load it everywhere: session_preload_libraries for the role or the database, or shared_preload_libraries.',
  *check(unit) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      const { node } = statement
      if (isDirect || statement.inRoutine || !('LoadStmt' in node)) continue
      yield {
        at: statement.at,
        message: `LOAD '${node.LoadStmt.filename ?? ''}' loads into one backend only`,
        severity: 'error',
        confidence,
      }
    }
  },
}
