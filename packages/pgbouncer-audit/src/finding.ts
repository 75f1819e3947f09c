import type { Confidence } from './unit.ts'

/** `error`: breaks or leaks. `warning`: breaks under conditions, or does nothing. */
export type Severity = 'error' | 'warning'

/** One hazard at one place. Plain data. */
export interface Finding {
  readonly ruleId: string
  readonly severity: Severity
  readonly confidence: Confidence
  /** Relative to the audited folder, with `/` on every system. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units as editors count. */
  readonly column: number
  readonly message: string
  /** Why it breaks behind PgBouncer. */
  readonly why: string
  /** What to do instead. */
  readonly fix: string
}

/** Something that kept the audit from seeing all. */
export interface Warning {
  readonly file: string
  readonly message: string
}
