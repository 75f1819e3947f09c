/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { ApplyResult } from './apply.ts'
import type { Explanation } from './explain.ts'
import type { GroupGaps } from './gaps.ts'
import type { RetentionPlan } from './plan.ts'
import type { KeyResult } from './remove-keys.ts'
import type { HiddenObject } from './s3/hidden-objects.ts'
import type { AbortReport, StaleUpload } from './stale-uploads.ts'

export type { FailedOutput }

/** What would be kept and removed, and why. */
export type PlanOutput = RetentionPlan

/** The plan alone without `--apply`; with it, what became of the plan too. */
export type ApplyOutput = RetentionPlan | { readonly plan: RetentionPlan; readonly result: ApplyResult }

/** Every group, those without a gap too. */
export type GapsOutput = readonly GroupGaps[]

/** Why one item is kept or removed. */
export type ExplainOutput = Explanation

/** Leftovers, and with `--apply` what became of them. */
export interface SweepOutput {
  /** Sets without a manifest. */
  readonly orphans: readonly {
    readonly id: string
    readonly bytes: number
    readonly reasons: readonly string[]
  }[]
  readonly uploads: readonly StaleUpload[]
  /** Old versions of objects that were deleted; only with `--versions purge`. */
  readonly hidden: readonly HiddenObject[]
  readonly removed?: SweptLeftovers
}

export interface SweptLeftovers {
  /** Absent where there is no set at all. */
  readonly sets?: ApplyResult
  readonly uploads: readonly AbortReport[]
  readonly hidden: readonly KeyResult[]
}

/** What is locked, or without `--apply` would be. */
export interface LockOutput {
  readonly locked: boolean
  readonly items: readonly {
    readonly id: string
    readonly objects: number
    /** ISO 8601, UTC. */
    readonly until: string
    readonly mode: 'governance' | 'compliance'
  }[]
}
