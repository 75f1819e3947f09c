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

export interface TableContent {
  readonly rows: number
  /** Bytes of the rows in COPY's text format. */
  readonly bytes: number
  readonly digest: string
}

/** One thing that is not as the manifest says. */
export interface Difference {
  readonly kind: 'objects' | 'table' | 'schema object' | 'sequence' | 'large objects' | 'extension'
  /** What it is about: `public.orders`, `INDEX public.orders_by_day`, an object's key. */
  readonly object: string
  /** In words: `3 of 1,000 rows are missing`. */
  readonly problem: string
  readonly expected?: string
  readonly actual?: string
}

export interface PhaseTime {
  readonly phase: 'check' | 'restore' | 'digest' | 'compare' | 'clean up'
  readonly durationMs: number
}

/** The result of a drill: evidence that a backup restores to its content, or that it does not. */
export interface VerificationReport {
  readonly format: 'ops.verification/1'
  /** `proven`: every table, sequence, large object and schema object came back as it was dumped. */
  readonly verdict: 'proven' | 'disproven'
  readonly backup: {
    readonly cluster: string
    readonly database: string
    readonly id: string
    readonly store: string
    /** When the backup was started; ISO 8601, UTC. */
    readonly startedAt: string
    readonly storedBytes: number
    readonly rawBytes: number
    readonly serverVersion: string
    readonly pgDump: string
  }
  readonly target: {
    readonly serverVersion: string
    readonly scratchDatabase: string
    readonly pgDump: string
  } | null
  readonly startedAt: string
  readonly finishedAt: string
  /** The whole drill. Restoring alone is the phase `restore`: what a recovery would take at least. */
  readonly durationMs: number
  readonly phases: readonly PhaseTime[]
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
  /** What this drill did not look at, and why. */
  readonly notChecked: readonly string[]
}
