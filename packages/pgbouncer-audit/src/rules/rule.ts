import type { Severity } from '../finding.ts'
import type { Profile } from '../profile.ts'
import type { Confidence, Unit } from '../unit.ts'

/** One place where a rule found its hazard. */
export interface Hit {
  /** Offset in the file. */
  readonly at: number
  readonly message: string
  readonly severity: Severity
  readonly confidence: Confidence
}

/** A hazard, how it is recognised, and what to tell about it. */
export interface Rule {
  /** Stable; never reused. */
  readonly id: string
  readonly title: string
  readonly why: string
  readonly fix: string
  /** The hazard exists in session pooling too. @default false */
  readonly inSessionMode?: boolean
  /** What the rule finds in one unit. */
  check(unit: Unit, profile: Profile): Iterable<Hit>
}

/** The less sure of two. */
export function atMost(confidence: Confidence, limit: Confidence): Confidence {
  const order: readonly Confidence[] = ['low', 'medium', 'high']
  return order[Math.min(order.indexOf(confidence), order.indexOf(limit))]!
}
