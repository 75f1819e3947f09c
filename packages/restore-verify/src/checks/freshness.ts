import { formatDuration } from '@ops/internal-cli'
import type { Findings } from './check-run.ts'

/** Is the backup young enough? Its age counts from its start: what was written later is not in it. */
export function checkFreshness(ageMs: number, maxAgeMs: number | undefined): Findings {
  if (maxAgeMs === undefined) return { skipped: 'no RPO was given' }
  if (ageMs <= maxAgeMs) return { note: `${formatDuration(ageMs)} old, at most ${formatDuration(maxAgeMs)}` }
  return {
    differences: [
      {
        check: 'freshness',
        object: 'the backup',
        problem: `it is ${formatDuration(ageMs)} old, and the RPO is ${formatDuration(maxAgeMs)}`,
        expected: formatDuration(maxAgeMs),
        actual: formatDuration(ageMs),
      },
    ],
  }
}
