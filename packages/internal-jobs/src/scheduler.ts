import { errorMessage } from '@ops/internal-error'
import type { Logger } from '@ops/pg-backup'
import { dueAt, nameOf, type Job } from './job.ts'
import { delayAfter, type Retry } from './retry.ts'
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
  readonly postpone: Retry
  /** Told of a job that is no longer among the jobs, and whose turn has ended. */
  readonly onGone: (job: Job) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** So that a clock that was set, or a machine that slept, is noticed. */
const LONGEST_NAP_MS = 60_000

/** What is known of a job, by its name: where another takes its place, they still run one after the other. */
interface Entry {
  job: Job
  /** When it is to have its next turn. */
  checkAt: number
  /** How often it was put off since its last turn. */
  postponed: number
  isRunning: boolean
}

/**
 * Gives every job its turn whenever it is due, until the signal aborts and what runs has ended. Slots
 * come from the schedule and never from the last run, so nothing drifts; a job has one turn at a time.
 * At the beginning each has a turn, which finds out from the store what is overdue.
 */
export async function runSchedule(options: ScheduleOptions): Promise<void> {
  const { jobs, clock, signal, logger, postpone, onGone } = options
  const entries = new Map<string, Entry>()
  const turns = new Set<Promise<void>>()
  let nap = new AbortController()
  const wake = (): void => nap.abort()
  signal.addEventListener('abort', wake, { once: true })

  const putOff = (entry: Entry, error: unknown): void => {
    entry.postponed += 1
    entry.checkAt = clock.now() + delayAfter(entry.postponed, postpone)
    const fields = { job: nameOf(entry.job), reason: errorMessage(error) }
    // Another worker's run may take hours: once is enough to know of it.
    if (entry.postponed === 1) logger.info(fields, 'not now')
    else logger.debug(fields, 'not yet')
  }
  const turnOf = async (entry: Entry): Promise<void> => {
    const { job } = entry
    try {
      const { record } = await options.takeTurn(job)
      entry.postponed = 0
      entry.checkAt = dueAt(job, record, clock.now())
      for (const each of entries.values()) if (each.job.after === job.kind) each.checkAt = -Infinity
    } catch (error) {
      if (!signal.aborted) putOff(entry, error)
    } finally {
      entry.isRunning = false
      wake()
    }
  }
  const begin = (entry: Entry): void => {
    entry.isRunning = true
    const turn = turnOf(entry).finally(() => turns.delete(turn))
    turns.add(turn)
  }

  for (let now = clock.now(), before = now; !signal.aborted; before = now, now = clock.now()) {
    nap = new AbortController()
    let next = now + LONGEST_NAP_MS
    const current = new Map(jobs().map((job) => [nameOf(job), job]))
    for (const [name, job] of current) {
      const entry = entries.get(name) ?? { job, checkAt: -Infinity, postponed: 0, isRunning: false }
      entries.set(name, entry)
      if (entry.isRunning) continue
      entry.job = job
      // The clock was set back: what was far away may be near.
      if (now < before) entry.checkAt = -Infinity
      if (entry.checkAt <= now) begin(entry)
      else next = Math.min(next, entry.checkAt)
    }
    for (const [name, { job, isRunning }] of entries) {
      if (current.has(name) || isRunning) continue
      entries.delete(name)
      onGone(job)
    }
    await clock.sleep(next - now, nap.signal).catch(() => undefined)
  }
  await Promise.all(turns)
}
