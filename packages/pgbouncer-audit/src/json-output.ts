/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { AuditResult } from './audit-source.ts'
import type { LiveAuditResult } from './live/audit-live.ts'

export type { FailedOutput }

/** What was found in source code; of `pgbouncer-audit` without a command. */
export type AuditOutput = AuditResult

/** What was found in a running database. */
export type LiveOutput = LiveAuditResult
