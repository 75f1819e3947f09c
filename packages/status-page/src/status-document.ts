import { findProblems, type Finding } from './findings.ts'
import type { Status } from './status.ts'

/** What `/api/v1/status` answers: the status, and what is wrong with it. */
export interface StatusDocument extends Status {
  /** The worst of the findings; `ok` when there is none. */
  readonly state: 'ok' | 'warning' | 'critical'
  /** What somebody has to look at, what is worse first. */
  readonly findings: readonly Finding[]
}

/** A status with its findings. */
export function statusDocument(status: Status): StatusDocument {
  const findings = findProblems(status)
  return { ...status, state: findings[0]?.severity ?? 'ok', findings }
}
