import { errorMessage } from '@ops/internal-error'
import { isBackupError, type Logger } from '@ops/pg-backup'
import type { JobRecords } from './job-records.ts'
import { dueAt, nameOf, type Job, type JobRecord } from './job.ts'
import { isWorkerError } from './worker-error.ts'

/** A failed run is tried again after `delay`, then after twice as long each time, up to `maxDelay`; in ms. */
export interface Retry {
  readonly delay: number
  readonly maxDelay: number
}

export interface TurnOptions {
  readonly records: JobRecords
  readonly retry: Retry
  /** Ms since 1970. */
  readonly now: () => number
  readonly logger: Logger
  /** What this process knows of the job, for when the store is away. */
  readonly known?: JobRecord
  /** Runs it although it is not due. @default false */
  readonly isForced?: boolean
  /** Waits until there is room for one more run. @default at once */
  readonly lane?: <T>(work: () => Promise<T>) => Promise<T>
  readonly onStart?: () => void
  readonly signal?: AbortSignal
}

/** What is known of a job after its turn. */
export interface Turn {
  readonly record?: JobRecord
  /** False when there was nothing to do, or somebody else had done it. */
  readonly hasRun: boolean
}

/**
 * Runs a job if it is due. Whether it is, the store says, and says again once the lease is held: so of
 * several workers one runs it, and one that was down for days knows what it missed.
 *
 * A run that fails is a result. Rejects with `BACKUP_LEASE_HELD`, with `WORKER_NOTHING_TO_DRILL`, or with the
 * signal's reason.
 */
export async function takeTurn(job: Job, options: TurnOptions): Promise<Turn> {
  const { records, now, lane = (work) => work(), signal } = options
  const slot = job.schedule.last(now()) ?? now()
  const startedAt = now()
  let before = options.known
  try {
    before = await records.read(job)
    if (!isDue(job, before, options)) return { record: before, hasRun: false }
    return await lane(() => runUnderLease(job, options))
  } catch (error) {
    signal?.throwIfAborted()
    const isHeld = isBackupError(error) && error.code === 'BACKUP_LEASE_HELD'
    if (isHeld || (isWorkerError(error) && error.isPostponed)) throw error
    job.couldNotRun?.(error)
    return { record: recordOf(job, { slot, startedAt, before, error }, options), hasRun: true }
  }
}

async function runUnderLease(job: Job, options: TurnOptions): Promise<Turn> {
  const { records, now, onStart, isForced, logger } = options
  options.signal?.throwIfAborted()
  await using lease = await records.lease(job, options.signal)
  const { signal } = lease
  const before = await records.read(job)
  if (!isDue(job, before, options)) return { record: before, hasRun: false }

  const startedAt = now()
  const slot = job.schedule.last(startedAt) ?? startedAt
  const doneAt = isForced === true ? undefined : await job.doneSince?.(new Date(slot), signal)
  let error: unknown
  if (doneAt === undefined) {
    onStart?.()
    try {
      await job.run(signal)
    } catch (failure) {
      signal?.throwIfAborted()
      if (isWorkerError(failure) && failure.isPostponed) throw failure
      error = failure
    }
  }
  const record = recordOf(job, { slot, startedAt, before, doneAt, error }, options)
  try {
    await lease.confirm()
    await records.write(job, record)
  } catch (failure) {
    options.signal?.throwIfAborted()
    logger.warn(
      { job: nameOf(job), reason: errorMessage(failure) },
      'the record of the run could not be stored',
    )
  }
  return { record, hasRun: doneAt === undefined }
}

function isDue(job: Job, record: JobRecord | undefined, { isForced, now }: TurnOptions): boolean {
  return isForced === true || dueAt(job, record, now()) <= now()
}

interface Run {
  readonly slot: number
  readonly startedAt: number
  readonly before?: JobRecord
  readonly doneAt?: Date
  readonly error: unknown
}

function recordOf(job: Job, run: Run, { now, retry, logger }: TurnOptions): JobRecord {
  const { startedAt, before, doneAt, error } = run
  const finishedAt = now()
  const slot = iso(run.slot)
  const record = {
    format: 'ops.worker-job/1',
    slot,
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
  } as const
  if (error === undefined) {
    const successAt = doneAt?.toISOString() ?? record.finishedAt
    logger.info(
      { job: nameOf(job), slot, durationMs: finishedAt - startedAt },
      doneAt === undefined ? 'done' : 'was done already',
    )
    return { ...record, failures: 0, lastSuccessAt: successAt }
  }
  const failures = before?.slot === slot ? before.failures + 1 : 1
  const delay = Math.min(retry.maxDelay, retry.delay * 2 ** (failures - 1))
  const retryAt = isWorkerError(error) && error.isFinal ? undefined : iso(finishedAt + delay)
  const { code } = error as { code?: unknown }
  const reason = { code: typeof code === 'string' ? code : 'UNKNOWN', message: errorMessage(error) }
  logger.error({ job: nameOf(job), slot, ...reason, retryAt }, 'failed')
  return { ...record, error: reason, failures, retryAt, lastSuccessAt: before?.lastSuccessAt }
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
