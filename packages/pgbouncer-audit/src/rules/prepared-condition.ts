import type { Severity } from '../finding.ts'
import { isAtLeast, type Profile } from '../profile.ts'

/** What happens to a prepared statement under `profile`, as the end of a sentence. */
export function statementCondition(profile: Profile): string {
  if (profile.maxPreparedStatements === null)
    return 'breaks unless max_prepared_statements is set (PgBouncer 1.21 or newer)'
  if (profile.version !== null && !isAtLeast(profile.version, '1.21'))
    return `breaks on PgBouncer ${profile.version}`
  return 'breaks while max_prepared_statements is 0'
}

/** Certain where the profile is known, a warning where it is not. */
export function conditionalSeverity(support: 'breaks' | 'unknown'): Severity {
  return support === 'breaks' ? 'error' : 'warning'
}
