import { errorMessage } from '@ops/internal-error'
import type { Logger } from '@ops/pg-backup'
import { dueAt, nameOf, type Job } from './job.ts'
import type { Turn } from './take-turn.ts'

export interface Clock {
  /** Ms since 1970. */
  now(): number
  /** Rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface ScheduleOptions {
  readonly jobs: readonly Job[]
  /** Runs a job if it is due. */
  readonly takeTurn: (job: Job) => Promise<Turn>
  /** When to look again at a job that another worker is at, or that has nothing to work on yet. */
  readonly postponeMs: number
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
  const { jobs, clock, signal, logger, postponeMs } = options
  const checkAt = new Map<Job, number>(jobs.map((job) => [job, -Infinity]))
  const running = new Map<Job, Promise<void>>()
  let nap = new AbortController()
  const wake = (): void => nap.abort()
  signal.addEventListener('abort', wake, { once: true })

  const turnOf = async (job: Job): Promise<void> => {
    try {
      const { record } = await options.takeTurn(job)
      checkAt.set(job, dueAt(job, record, clock.now()))
      for (const each of jobs) if (each.after === job.kind) checkAt.set(each, -Infinity)
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
    for (const job of jobs) {
      if (running.has(job)) continue
      const at = checkAt.get(job)!
      if (at <= now) running.set(job, turnOf(job))
      else next = Math.min(next, at)
    }
    await clock.sleep(next - now, nap.signal).catch(() => undefined)
  }
  await Promise.all(running.values())
}

/** At most so many at a time, in the order in which they came. */
export function createLane(concurrency: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = concurrency
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
