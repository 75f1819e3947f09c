/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { ProbeReport } from './report.ts'

export type { FailedOutput }

/** A report for each target; with `--sans` also for the names that were found. */
export type CheckOutput = readonly ProbeReport[]
