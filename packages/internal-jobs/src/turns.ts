import { errorMessage } from '@ops/internal-error'
import { isBackupError, type Logger } from '@ops/pg-backup'
import type { JobMetrics } from './job-metrics.ts'
import { localRecords, type JobLease, type JobRecords } from './job-records.ts'
import { dueAt, isFuture, nameOf, type Job, type JobProgress, type JobRecord, type JobRef } from './job.ts'
import { createLane } from './lane.ts'
import { delayAfter, type Retry } from './retry.ts'
import type { RunningJobs } from './running-jobs.ts'

export interface TurnsOptions {
  /** Of the jobs that workers share. */
  readonly records: JobRecords
  /** Shared jobs at a time. */
  readonly concurrency: number
  /** Of a failed run. */
  readonly retry: Retry
  readonly metrics: JobMetrics
  readonly running: RunningJobs
  /** Ms since 1970. */
  readonly now: () => number
  readonly logger: Logger
}

/** What is known of a job after its turn. */
export interface Turn {
  readonly record?: JobRecord
  /** False when there was nothing to do, or somebody else had done it. */
  readonly hasRun: boolean
}

export interface TakeOptions {
  /** Runs it although it is not due. @default false */
  readonly isForced?: boolean
  readonly signal: AbortSignal
}

/** The turns of one worker, and what it knows from them. */
export interface Turns {
  /**
   * Runs a job if it is due. Whether it is, its record says, and says again once the lease is held: so of
   * several workers one runs it, and one that was down for days knows what it missed.
   *
   * A run that fails is a result. Rejects with the signal's reason, and when it is not forced with
   * `BACKUP_LEASE_HELD` or an error that the job calls `postponed`.
   */
  take(job: Job, options: TakeOptions): Promise<Turn>
  /** The last run that this worker heard of. */
  readonly lastRun: (job: JobRef) => JobRecord | undefined
}

export function createTurns(options: TurnsOptions): Turns {
  const { records: shared, retry, metrics, running, now, logger } = options
  const lane = createLane(options.concurrency)
  const local = localRecords()
  const known = new Map<string, JobRecord>()

  const take = async (job: Job, { isForced = false, signal }: TakeOptions): Promise<Turn> => {
    const records = job.isLocal === true ? local : shared
    const isDue = (record: JobRecord | undefined): boolean => isForced || dueAt(job, record, now()) <= now()
    const startedAt = now()
    const slot = slotAt(job, startedAt)
    let before = known.get(nameOf(job))
    const isPostponed = (error: unknown): boolean => isHeld(error) || job.judge?.(error) === 'postponed'
    try {
      const record = await records.read(job)
      if (!isDue(record)) return { record, hasRun: false }
      before = latest(record, before)
      if (records === local) return await underLease()
      return await lane(underLease)
    } catch (error) {
      signal.throwIfAborted()
      if (isPostponed(error) && !isForced) throw error
      if (!isPostponed(error)) job.couldNotRun?.(error, { before })
      return { record: failure({ job, slot, startedAt, before, error }), hasRun: true }
    }

    async function underLease(): Promise<Turn> {
      signal.throwIfAborted()
      await using lease = await records.lease(job, signal)
      const record = await records.read(job)
      if (!isDue(record)) return { record, hasRun: false }
      const turn = await run(job, { before: latest(record, before), isForced, lease, signal })
      try {
        await lease.confirm()
        await records.write(job, turn.record!)
      } catch (error) {
        signal.throwIfAborted()
        const fields = { job: nameOf(job), reason: errorMessage(error) }
        logger.warn(fields, 'the record of the run could not be stored')
      }
      return turn
    }
  }

  const run = async (job: Job, { before, isForced, lease, signal }: RunOptions): Promise<Turn> => {
    const startedAt = now()
    const slot = slotAt(job, startedAt)
    const doneAt = isForced ? undefined : await job.doneSince?.(new Date(slot), lease.signal)
    if (doneAt !== undefined && !isFuture(doneAt.getTime(), startedAt)) {
      const record = success({ job, slot, startedAt }, 'was done already')
      return { record: { ...record, lastSuccessAt: doneAt.toISOString() }, hasRun: false }
    }
    metrics.running(job, true)
    running.start(job, startedAt)
    try {
      const onProgress = (progress: JobProgress): void => running.progress(job, progress)
      await job.run({ before, signal: lease.signal, onProgress })
      return { record: success({ job, slot, startedAt }, 'done'), hasRun: true }
    } catch (error) {
      // That the worker stops is no failure; that the lease was lost is one.
      signal.throwIfAborted()
      if (job.judge?.(error) === 'postponed') throw error
      return { record: failure({ job, slot, startedAt, before, error }), hasRun: true }
    }
  }

  const success = ({ job, slot, startedAt }: Run, words: string): JobRecord => {
    const finishedAt = now()
    logger.info({ job: nameOf(job), slot: iso(slot), durationMs: finishedAt - startedAt }, words)
    const times = { slot: iso(slot), startedAt: iso(startedAt), finishedAt: iso(finishedAt) }
    return { format: 'ops.worker-job/1', ...times, failures: 0, lastSuccessAt: iso(finishedAt) }
  }

  const failure = ({ job, slot, startedAt, before, error }: FailedRun): JobRecord => {
    const finishedAt = now()
    const times = { slot: iso(slot), startedAt: iso(startedAt), finishedAt: iso(finishedAt) }
    const failures = before?.slot === times.slot ? before.failures + 1 : 1
    const retryAt = job.judge?.(error) === 'final' ? undefined : iso(finishedAt + delayAfter(failures, retry))
    const { code } = error as { code?: unknown }
    const reason = { code: typeof code === 'string' ? code : 'UNKNOWN', message: errorMessage(error) }
    logger.error({ job: nameOf(job), slot: times.slot, ...reason, retryAt }, 'failed')
    const { lastSuccessAt } = before ?? {}
    return { format: 'ops.worker-job/1', ...times, error: reason, failures, retryAt, lastSuccessAt }
  }

  return {
    async take(job, how) {
      const turn = await take(job, how).finally(() => {
        metrics.running(job, false)
        running.end(job)
      })
      if (turn.record !== undefined) known.set(nameOf(job), turn.record)
      metrics.show(job, turn, now())
      return turn
    },
    lastRun: (job) => known.get(nameOf(job)),
  }
}

interface RunOptions {
  readonly before: JobRecord | undefined
  readonly isForced: boolean
  readonly lease: JobLease
  readonly signal: AbortSignal
}

interface Run {
  readonly job: Job
  readonly slot: number
  readonly startedAt: number
}

interface FailedRun extends Run {
  readonly before: JobRecord | undefined
  readonly error: unknown
}

/** What is in the store, or what this worker knows and could not store. */
function latest(stored: JobRecord | undefined, known: JobRecord | undefined): JobRecord | undefined {
  if (stored === undefined || known === undefined) return stored ?? known
  return stored.finishedAt < known.finishedAt ? known : stored
}

/** What a run at this time is for; a job that is not due by any slot runs for itself. */
function slotAt({ schedule }: Job, now: number): number {
  return schedule.last(now) ?? now
}

function isHeld(error: unknown): boolean {
  return isBackupError(error) && error.code === 'BACKUP_LEASE_HELD'
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
