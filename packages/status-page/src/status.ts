/** What the page shows: plain JSON, gathered by the caller. All times are ISO 8601, in UTC. */
export interface Status {
  readonly format: 'ops.status/1'
  /** When it was gathered; ages are counted up to here. */
  readonly takenAt: string
  /** What is looked at, for the heading: `production`. */
  readonly name?: string
  readonly databases: readonly DatabaseStatus[]
  readonly running: readonly RunningJob[]
  readonly poolers: readonly PoolerStatus[]
  readonly certificates: readonly CertificateStatus[]
  /** `null` when no policy is set. */
  readonly retention: RetentionOutlook | null
  /** What could not be looked at: a store or a pooler that does not answer. */
  readonly problems: readonly SourceProblem[]
}

export interface DatabaseStatus {
  readonly cluster: string
  readonly database: string
  readonly objectives: Objectives
  /** Everything in the store, the oldest first. */
  readonly backups: readonly StoredBackup[]
  /** The retention window day by day, the oldest first; its last day is today. */
  readonly calendar: readonly CalendarDay[]
  /** The last attempts that failed, if nothing of their kind succeeded since. */
  readonly failures: readonly JobFailure[]
  /** Absent when nothing is scheduled. */
  readonly nextBackupAt?: string
  readonly nextDrillAt?: string
}

/** What was promised; what is absent was not. */
export interface Objectives {
  /** How old the last backup may be (the RPO). */
  readonly backupAgeSeconds?: number
  /** How long ago the last restore may have been proven. */
  readonly proofAgeSeconds?: number
  /** How long a recovery may take (the RTO). */
  readonly recoverySeconds?: number
}

export interface StoredBackup {
  readonly id: string
  /** What was committed before is in it: its age counts from here. */
  readonly startedAt: string
  readonly durationSeconds: number
  /** Before compression. */
  readonly rawBytes: number
  readonly storedBytes: number
  /** `null` when they were not counted. */
  readonly rows: number | null
  readonly encrypted: boolean
  /** Its last restore drill. */
  readonly drill: Drill | null
}

export interface Drill {
  readonly finishedAt: string
  /** On the content of the backup: whether everything came back. */
  readonly verdict: 'proven' | 'disproven'
  readonly durationSeconds: number
  /** Until the database could have been used again; `null` when that was not reached. */
  readonly recoverySeconds: number | null
  readonly differences: number
}

export interface CalendarDay {
  /** `2026-11-21`, in the policy's time zone. */
  readonly date: string
  /**
   * `gap`: a whole day without a backup. `none`: nothing is missed, as the first backup is younger or
   * today is not over. Otherwise what is known of the day's backups: the worst verdict, or `unproven`.
   */
  readonly state: 'proven' | 'disproven' | 'unproven' | 'gap' | 'none'
  /** Ids of the day's backups. */
  readonly backups: readonly string[]
}

export interface JobFailure {
  readonly job: JobName
  readonly at: string
  /** One line, without secrets. */
  readonly message: string
}

export type JobName = 'backup' | 'drill' | 'retention' | 'certificates'

/** Something that runs right now. */
export interface RunningJob {
  /** Stays the same while it runs. */
  readonly id: string
  readonly job: JobName
  readonly cluster?: string
  readonly database?: string
  readonly startedAt: string
  /** In the job's own words: `dump`, `restore`, `digest`. */
  readonly phase: string
  readonly bytesDone?: number
  /** Only where it is known, or honestly estimated. */
  readonly bytesTotal?: number
  readonly isEstimate?: boolean
  readonly rows?: number
  /** What it works on: a table. */
  readonly detail?: string
}

/** One PgBouncer. */
export interface PoolerStatus {
  readonly name: string
  readonly pools: readonly PoolStatus[]
  /** The last hours, the oldest first. */
  readonly history: readonly PoolerSample[]
}

export interface PoolStatus {
  readonly database: string
  readonly user: string
  /** `transaction`, `session` or `statement`; `null` when PgBouncer does not say. */
  readonly mode: string | null
  readonly clientsActive: number
  readonly clientsWaiting: number
  readonly serversActive: number
  readonly serversIdle: number
  /** How many server connections the pool may open. */
  readonly size: number
  /** How long the oldest waiting client waits. */
  readonly maxWaitSeconds: number
}

/** All pools of a pooler at one moment. */
export interface PoolerSample {
  readonly at: string
  /** Server connections in use as a part of the pool's size, of the fullest pool: 1 is full. */
  readonly saturation: number
  readonly clientsWaiting: number
}

export interface CertificateStatus {
  /** As it was asked for: `https://example.com`. */
  readonly target: string
  /** Where it was found: `192.0.2.7:443`. */
  readonly location: string
  /** `unknown`: none was seen. */
  readonly state: 'ok' | 'warning' | 'critical' | 'unknown'
  readonly subject: string | null
  readonly expiresAt: string | null
  /** Whole days; negative when it is past. */
  readonly daysLeft: number | null
  /** The worst thing about it, in one line. */
  readonly problem: string | null
}

/** What retention would do at its next run. */
export interface RetentionOutlook {
  /** When it would: the next run. */
  readonly at: string
  /** As people write it: `daily=7,weekly=4`. */
  readonly policy: string
  readonly timeZone: string
  /** False when nobody deletes: the plan is only shown. */
  readonly isApplied: boolean
  readonly decisions: readonly RetentionChoice[]
  readonly kept: Amount
  readonly removed: Amount
  /** Groups of which nothing is removed although the policy keeps nothing of them, and why. */
  readonly refused: readonly { readonly group: string; readonly reason: string }[]
}

export interface RetentionChoice {
  /** `<cluster>/logical/<database>`. */
  readonly group: string
  /** The backup's folder. */
  readonly item: string
  readonly time: string
  readonly bytes: number
  readonly keep: boolean
  readonly reasons: readonly string[]
  /** Why it is not a good backup. */
  readonly problem: string | null
}

export interface Amount {
  readonly items: number
  readonly bytes: number
}

export interface SourceProblem {
  /** `store`, `pgbouncer main`. */
  readonly source: string
  /** One line, without secrets. */
  readonly message: string
}
