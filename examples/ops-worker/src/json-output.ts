/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { RunOutcome } from './run-now.ts'

export type { FailedOutput }

/** How it went with each job, in the order of their runs. */
export type RunOutput = readonly RunOutcome[]
