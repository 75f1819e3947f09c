import type { Schedule } from './schedule.ts'

/** What a job is known by: its series, its record, its lease. */
export interface JobRef {
  /** `backup` */
  readonly kind: string
  /** What it is about; absent when that is everything. */
  readonly database?: string
}

export interface Job extends JobRef {
  readonly schedule: Schedule
  /** Looked at again whenever a job of this kind has ended. */
  readonly after?: string
  /** What it finds out lives in this process: every worker runs it for itself. */
  readonly isLocal?: boolean
  /** When it was done since, by whoever and however, as far as the store shows. */
  doneSince?(slot: Date, signal: AbortSignal): Promise<Date | undefined>
  run(context: RunContext): Promise<void>
  /** What an error of `run` means; see {@link FailureKind}. @default it failed */
  judge?(error: unknown): FailureKind
  /** Told when it was due and did not get as far as to run: the store is away, say. */
  couldNotRun?(error: unknown, context: Pick<RunContext, 'before'>): void
  /** Told when it is no longer among the jobs, and its last run has ended. */
  gone?(): void
}

/**
 * `failed` is tried again, later each time. `final` would be no different then, and waits for the next slot.
 * `postponed` is no failure: there is nothing to work on yet, and it is looked at again soon.
 */
export type FailureKind = 'failed' | 'final' | 'postponed'

export interface RunContext {
  /** How the last run went, in whichever worker. */
  readonly before: JobRecord | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: JobProgress) => void
}

/** How far a run is; what it has of this is shown. */
export interface JobProgress {
  readonly phase: string
  readonly bytes?: number
  readonly rawBytes?: number
  readonly total?: number
  readonly rows?: number
  readonly table?: { readonly schema: string; readonly name: string }
}

/** How the last run of a job went; ISO 8601, UTC. */
export interface JobRecord {
  readonly format: 'ops.worker-job/1'
  /** What it was due for. A run that was late stands for all slots before. */
  readonly slot: string
  readonly startedAt: string
  readonly finishedAt: string
  /** Absent when it succeeded. */
  readonly error?: { readonly code: string; readonly message: string }
  /** How often it has failed for this slot. */
  readonly failures: number
  /** When a failed run is tried again; absent when that makes no sense. */
  readonly retryAt?: string
  readonly lastSuccessAt?: string
}

export function nameOf({ kind, database }: JobRef): string {
  return database === undefined ? kind : `${kind} ${database}`
}

/** Clocks that are about right differ by less. */
const WRONG_CLOCK_MS = 3_600_000

/** What happens later than this was noted while a clock was wrong, and says nothing. */
export function isFuture(time: number, now: number): boolean {
  return time > now + WRONG_CLOCK_MS
}

/** When a job is due next; not later than `now` when it is due. `Infinity` is never. */
export function dueAt({ schedule }: Job, record: JobRecord | undefined, now: number): number {
  const last = schedule.last(now)
  const done = record === undefined ? -Infinity : Date.parse(record.slot)
  if (last !== undefined && (done < last || isFuture(done, now))) return last
  const retryAt = record?.retryAt === undefined ? Infinity : Date.parse(record.retryAt)
  return Math.min(retryAt, schedule.next(now) ?? Infinity)
}
