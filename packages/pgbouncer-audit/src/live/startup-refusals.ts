import type { LiveFinding } from './audit-live.ts'
import { RULES } from '../rules/index.ts'

/** The clients that PgBouncer refused for a startup parameter, out of its log. */
export function findStartupRefusals(log: string): LiveFinding[] {
  const rule = RULES.find((each) => each.id === 'PGB050')
  const counts = new Map<string, number>()
  for (const match of log.matchAll(
    /closing because: unsupported startup parameter(?: in options)?: ([\w.]+)/g,
  )) {
    counts.set(match[1]!, (counts.get(match[1]!) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => ({
    ruleId: 'PGB050',
    severity: 'error',
    confidence: 'high',
    source: 'PgBouncer log',
    subject: name,
    message: `PgBouncer refused ${count} connections for the startup parameter ${name}`,
    why: rule?.why ?? '',
    fix: rule?.fix ?? '',
  }))
}
