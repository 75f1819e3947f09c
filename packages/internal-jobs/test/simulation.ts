import { BackupError } from '@ops/pg-backup'
import { Registry } from '@prometheus-io/client'
import type { JobRecords } from '../src/job-records.ts'
import { createJobRunner, type JobRunner } from '../src/job-runner.ts'
import { nameOf, type Job, type JobRecord } from '../src/job.ts'
import type { Clock } from '../src/scheduler.ts'

export const MINUTE = 60_000
export const HOUR: number = 60 * MINUTE
export const START: number = Date.parse('2026-11-21T00:00:00Z')
const LEASE_TTL = 3 * MINUTE

/** Time that passes only when everything that runs waits for it. */
export interface SimulatedClock extends Clock {
  advanceTo(time: number): Promise<void>
  /** Somebody sets the clock; what sleeps sleeps no longer and no shorter for it. */
  set(time: number): void
}

export function simulatedClock(start: number = START): SimulatedClock {
  let now = start
  const sleepers = new Set<{ at: number; readonly wake: () => void }>()
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    now: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error)
        const end = (settled: () => void): void => {
          sleepers.delete(sleeper)
          signal.removeEventListener('abort', abort)
          settled()
        }
        const abort = (): void => end(() => reject(signal.reason as Error))
        const sleeper = { at: now + Math.max(0, milliseconds), wake: () => end(resolve) }
        sleepers.add(sleeper)
        signal.addEventListener('abort', abort)
      }),
    async advanceTo(time) {
      for (;;) {
        await settle()
        let next: { readonly at: number; readonly wake: () => void } | undefined
        for (const each of sleepers) if (next === undefined || each.at < next.at) next = each
        if (next === undefined || next.at > time) break
        now = Math.max(now, next.at)
        next.wake()
      }
      now = time
    },
    set(time) {
      for (const each of sleepers) each.at += time - now
      now = time
    },
  }
}

/** Records and leases that several workers share; a lease that is not given back expires. */
export function sharedRecords(clock: Clock, isAway: () => boolean = () => false): JobRecords {
  const records = new Map<string, JobRecord>()
  const leases = new Map<string, { expiresAt: number }>()
  const ask = (): void => {
    if (isAway()) throw new BackupError('BACKUP_STORE_FAILED', 'the store is away')
  }
  return {
    read: async (job) => {
      ask()
      return records.get(nameOf(job))
    },
    write: async (job, record) => {
      ask()
      records.set(nameOf(job), record)
    },
    lease: async (job, signal) => {
      ask()
      const held = leases.get(nameOf(job))
      if (held !== undefined && held.expiresAt > clock.now())
        throw new BackupError('BACKUP_LEASE_HELD', `another run of ${nameOf(job)} is under way`)
      const lease = { expiresAt: Infinity }
      leases.set(nameOf(job), lease)
      return {
        signal,
        confirm: async () => ask(),
        async [Symbol.asyncDispose]() {
          lease.expiresAt = signal.reason === KILLED ? clock.now() + LEASE_TTL : -Infinity
        },
      }
    },
  }
}

/** The reason that stands for SIGKILL: what the worker had is not given back. */
export const KILLED: Error = new Error('killed')

export interface SimulatedWorker {
  readonly registry: Registry
  readonly runner: JobRunner
  /** What was logged, at info and above. */
  readonly logged: string[]
  stop(reason?: Error): Promise<void>
}

/** The real runner, with the jobs, the records and the clock that are given. */
export function startSimulated(
  jobsOf: (lastRun: JobRunner['lastRun']) => () => readonly Job[],
  { clock, shared, concurrency = 4 }: { clock: Clock; shared: JobRecords; concurrency?: number },
): SimulatedWorker {
  const registry = new Registry()
  const stopping = new AbortController()
  const logged: string[] = []
  const log = (_fields: object, message: string): void => void logged.push(message)
  const runner = createJobRunner({
    records: shared,
    concurrency,
    retry: { delay: MINUTE, maxDelay: HOUR },
    postpone: { delay: 30_000, maxDelay: 30_000 },
    registry,
    logger: { debug: () => undefined, info: log, warn: log, error: log },
    clock,
  })
  const done = runner.run(jobsOf(runner.lastRun), stopping.signal)
  return {
    registry,
    runner,
    logged,
    stop: (reason = new Error('stopped')) => {
      stopping.abort(reason)
      return done
    },
  }
}
