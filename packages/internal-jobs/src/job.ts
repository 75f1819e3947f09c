import type { Schedule } from './schedule.ts'

export type JobKind = 'backup' | 'retention' | 'drill' | 'certificates' | 'inventory'

export interface Job {
  readonly kind: JobKind
  /** What it is about; absent when that is everything. */
  readonly database?: string
  readonly schedule: Schedule
  /** Looked at again whenever a job of this kind has ended. */
  readonly after?: JobKind
  /** What it finds out lives in this process: every worker runs it for itself. */
  readonly isLocal?: boolean
  /** When it was done since, by whoever and however, as far as the store shows. */
  doneSince?(slot: Date, signal: AbortSignal | undefined): Promise<Date | undefined>
  run(signal: AbortSignal | undefined): Promise<void>
  /** Told when it was due and did not get as far as to run: the store is away, say. */
  couldNotRun?(error: unknown): void
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

export function nameOf({ kind, database }: Pick<Job, 'kind' | 'database'>): string {
  return database === undefined ? kind : `${kind} ${database}`
}

/** When a job is due next; not later than `now` when it is due. `Infinity` is never. */
export function dueAt({ schedule }: Job, record: JobRecord | undefined, now: number): number {
  const last = schedule.last(now)
  if (last !== undefined && (record === undefined || Date.parse(record.slot) < last)) return last
  const retryAt = record?.retryAt === undefined ? Infinity : Date.parse(record.retryAt)
  return Math.min(retryAt, schedule.next(now) ?? Infinity)
}
