import { formatDuration } from '@ops/internal-cli'
import type { Findings } from './check-run.ts'

/** Was the database back in time? From the first byte read to a restored database. */
export function checkDuration(recoveryMs: number, maxRecoveryMs: number | undefined): Findings {
  if (maxRecoveryMs === undefined) return { skipped: 'no RTO was given' }
  if (recoveryMs <= maxRecoveryMs)
    return { note: `${formatDuration(recoveryMs)}, at most ${formatDuration(maxRecoveryMs)}` }
  return {
    differences: [
      {
        check: 'duration',
        object: 'the restore',
        problem: `it took ${formatDuration(recoveryMs)}, and the RTO is ${formatDuration(maxRecoveryMs)}`,
        expected: formatDuration(maxRecoveryMs),
        actual: formatDuration(recoveryMs),
      },
    ],
  }
}
