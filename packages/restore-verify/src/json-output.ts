/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { ListedBackup } from '@ops/pg-backup'
import type { DrillSummary } from './report-schema.ts'
import type { VerificationReport } from './report.ts'
import type { DrillResult } from './verify-backups.ts'

export type { FailedOutput }

/** The report of one drill; of several (`--never-drilled`, `--sample-days`) a list of their results. */
export type RunOutput = VerificationReport | readonly DrillResult[]

/** A backup, and its drills. */
export interface DrilledBackup extends ListedBackup {
  /** Of the last drill; `null` when it was never drilled. */
  readonly verdict: 'proven' | 'disproven' | null
  /** The last twenty, the oldest first. */
  readonly drills: readonly DrillSummary[]
}

/** The oldest backup first. */
export type HistoryOutput = readonly DrilledBackup[]
