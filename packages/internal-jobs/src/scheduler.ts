import { errorMessage } from '@ops/internal-error'
import type { Logger } from '@ops/pg-backup'
import { dueAt, nameOf, type Job } from './job.ts'
import type { Turn } from './turns.ts'

export interface Clock {
  /** Ms since 1970. */
  now(): number
  /** Rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface ScheduleOptions {
  /** Asked again whenever a turn has ended: jobs may come and go. */
  readonly jobs: () => readonly Job[]
  /** Runs a job if it is due. */
  readonly takeTurn: (job: Job) => Promise<Turn>
  /** When to look again at a job that another worker is at, or that has nothing to work on yet. */
  readonly postponeMs: number
  /** Told of a job that is no longer among the jobs. */
  readonly onGone: (job: Job) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** So that a clock that was set, or a machine that slept, is noticed. */
const LONGEST_NAP_MS = 60_000

/**
 * Gives every job its turn whenever it is due, until the signal aborts and what runs has ended. Slots
 * come from the schedule and never from the last run, so nothing drifts; a job has one turn at a time.
 * At the beginning each has a turn, which finds out from the store what is overdue.
 */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { jobs, clock, signal, logger, postponeMs, onGone } = options
  const checkAt = new Map<Job, number>()
  const running = new Map<Job, Promise<void>>()
  let nap = new AbortController()
  const wake = (): void => nap.abort()
  signal.addEventListener('abort', wake, { once: true })

  const turnOf = async (job: Job): Promise<void> => {
    try {
      const { record } = await options.takeTurn(job)
      checkAt.set(job, dueAt(job, record, clock.now()))
      for (const each of jobs()) if (each.after === job.kind) checkAt.set(each, -Infinity)
    } catch (error) {
      if (!signal.aborted) logger.info({ job: nameOf(job), reason: errorMessage(error) }, 'not now')
      checkAt.set(job, clock.now() + postponeMs)
    } finally {
      running.delete(job)
      wake()
    }
  }
  while (!signal.aborted) {
    const now = clock.now()
    nap = new AbortController()
    let next = now + LONGEST_NAP_MS
    const current = new Set(jobs())
    for (const job of current) {
      if (running.has(job)) continue
      const at = checkAt.get(job) ?? -Infinity
      if (at <= now) running.set(job, turnOf(job))
      else next = Math.min(next, at)
    }
    for (const job of checkAt.keys()) {
      if (current.has(job) || running.has(job)) continue
      checkAt.delete(job)
      onGone(job)
    }
    await clock.sleep(next - now, nap.signal).catch(() => undefined)
  }
  await Promise.all(running.values())
}
