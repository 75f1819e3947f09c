/** Every check, in the order in which they are made. */
export const checkNames = [
  'freshness',
  'checksums',
  'restore',
  'rows',
  'schema',
  'sequences',
  'large-objects',
  'extensions',
  'validity',
  'collations',
  'assertions',
  'amcheck',
  'duration',
] as const

/** One of {@link checkNames}. */
export type CheckName = (typeof checkNames)[number]

/** How one check ended. */
export interface CheckOutcome {
  readonly check: CheckName
  readonly result: 'pass' | 'fail' | 'skipped'
  /** Why it was skipped; what it found besides, if that is worth a word. */
  readonly reason?: string
  readonly durationMs: number
  readonly differences: number
}

/** What became of one table. */
export interface TableVerdict {
  readonly schema: string
  readonly name: string
  readonly verdict: 'equal' | 'differs' | 'missing' | 'extra'
  /** From the backup's manifest; absent for an extra table. */
  readonly expected?: TableContent
  /** From the restored database; absent for a missing table. */
  readonly actual?: TableContent
}

/** What a table holds, whatever the order of its rows. */
export interface TableContent {
  readonly rows: number
  /** Bytes of the rows in COPY's text format. */
  readonly bytes: number
  readonly digest: string
}

/** One thing that is not as it must be. */
export interface Difference {
  readonly check: CheckName
  /** What it is about: `public.orders`, `INDEX public.orders_by_day`, an object's key. */
  readonly object: string
  /** In words: `3 of 1,000 rows are missing`. */
  readonly problem: string
  /** What the backup has; for schema objects, the definition. */
  readonly expected?: string
  /** What came back. */
  readonly actual?: string
}

export const phaseNames = ['check', 'start', 'restore', 'digest', 'compare', 'inspect', 'clean up'] as const

/** How long one phase of a drill took. */
export interface PhaseTime {
  readonly phase: (typeof phaseNames)[number]
  readonly durationMs: number
}

/** The result of a drill: evidence that a backup restores to its content, or that it does not. */
export interface VerificationReport {
  readonly format: 'ops.verification-report/1'
  /** `disproven` when a check failed. What was skipped stands in `notChecked`. */
  readonly verdict: 'proven' | 'disproven'
  /** The verdict on the backup alone, whether or not the drill was in time: without `freshness` and `duration`. */
  readonly backupVerdict: 'proven' | 'disproven'
  readonly backup: {
    readonly cluster: string
    readonly database: string
    readonly id: string
    readonly store: string
    /** When the backup was started; ISO 8601, UTC. */
    readonly startedAt: string
    /** From then to the start of the drill: what would be lost if this backup were needed (the RPO). */
    readonly ageMs: number
    readonly storedBytes: number
    readonly rawBytes: number
    readonly serverVersion: string
    readonly pgDump: string
    /** Of the manifest as it was read. */
    readonly manifestSha256: string
  }
  /** Absent (`null`) when the drill ended before one was needed. */
  readonly target: {
    readonly kind: 'local' | 'container' | 'server'
    readonly serverVersion: string
    readonly database: string
    readonly pgDump: string
    readonly pgRestore: string
  } | null
  readonly tool: string
  readonly startedAt: string
  readonly finishedAt: string
  /** The whole drill. */
  readonly durationMs: number
  /** From the start of the target to a database that could be used: what a recovery takes at least (the RTO); `null` when it was not restored. */
  readonly recoveryMs: number | null
  readonly phases: readonly PhaseTime[]
  readonly checks: readonly CheckOutcome[]
  readonly totals: {
    readonly tables: number
    readonly rows: number
    readonly bytes: number
    readonly sequences: number
    readonly largeObjects: number
    readonly schemaObjects: number
    readonly extensions: number
  }
  readonly tables: readonly TableVerdict[]
  readonly differences: readonly Difference[]
  /** What `pg_restore` warned of. */
  readonly warnings: readonly string[]
  /** In what the target was not like the source, and what was done about it. */
  readonly adaptations: readonly string[]
  /** What this drill did not look at, and why. */
  readonly notChecked: readonly string[]
}
