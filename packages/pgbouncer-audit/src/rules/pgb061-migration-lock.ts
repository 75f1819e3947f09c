import type { Rule } from './rule.ts'

/** Migration tools that guard themselves with a session-level advisory lock. */
export const migrationLock: Rule = {
  id: 'PGB061',
  title: 'Migrations through the pooler',
  why: 'The tool takes a session-level advisory lock: through PgBouncer it stays on a pooled backend, and the next run finds it taken, or two runs both get it.',
  fix: 'Run migrations over a direct connection (directUrl in Prisma, a URL of their own elsewhere).',
  *check(unit) {
    for (const fact of unit.facts) {
      if (fact.kind !== 'migration-lock' || fact.isDirect) continue
      yield {
        at: fact.at,
        message: `${fact.via} takes a session-level advisory lock for its migrations`,
        severity: 'warning',
        confidence: fact.confidence,
      }
    }
  },
}
