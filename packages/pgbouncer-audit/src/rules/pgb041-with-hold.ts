import type { Rule } from './rule.ts'

/** PostgreSQL's CURSOR_OPT_HOLD. */
const CURSOR_OPT_HOLD = 0x20

/** Cursors that outlive their transaction. */
export const withHold: Rule = {
  id: 'PGB041',
  title: 'Cursor WITH HOLD',
  why: 'After COMMIT the cursor lives on one backend, and FETCH may get another.',
  fix: 'Declare it without HOLD, and fetch inside the transaction; or page by key.',
  *check(unit) {
    for (const { statement, isDirect, confidence } of unit.statements) {
      const { node } = statement
      if (isDirect || !('DeclareCursorStmt' in node)) continue
      if (((node.DeclareCursorStmt.options ?? 0) & CURSOR_OPT_HOLD) === 0) continue
      yield {
        at: statement.at,
        message: `The cursor ${node.DeclareCursorStmt.portalname ?? ''} outlives its transaction on one backend`,
        severity: 'error',
        confidence,
      }
    }
  },
}
