import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@ops/pg-backup'
import type { Registry } from '@prometheus-io/client'
import { createJobMetrics } from './job-metrics.ts'
import type { JobRecords } from './job-records.ts'
import type { Job, JobRecord, JobRef } from './job.ts'
import { createRunningJobs, type RunningJob } from './running-jobs.ts'
import type { Retry } from './retry.ts'
import { runSchedule, type Clock } from './scheduler.ts'
import { createTurns } from './turns.ts'

export interface JobRunnerOptions {
  /** Where workers leave word of what they did, and take turns: see `storeRecords`. */
  readonly records: JobRecords
  /** Shared jobs at a time. */
  readonly concurrency: number
  readonly retry: Retry
  /** When to look again at a job that another worker is at, or that has nothing to work on yet. */
  readonly postpone: Retry
  /** Gets `ops_worker_job_…`. */
  readonly registry: Registry
  readonly logger: Logger
  /** @default the machine's */
  readonly clock?: Clock
}

/** Runs jobs when they are due, shows how they went, and what runs now. */
export interface JobRunner {
  /** Gives every job its turn whenever it is due, until the signal aborts and what runs has ended. Jobs may come and go. */
  run(jobs: () => readonly Job[], signal: AbortSignal): Promise<void>
  /** Runs one job whether or not it is due. That it cannot be run is a failed run; rejects with the signal's reason alone. */
  runNow(job: Job, signal: AbortSignal): Promise<JobRecord>
  /** The last run that this worker heard of. */
  readonly lastRun: (job: JobRef) => JobRecord | undefined
  readonly running: () => RunningJob[]
  /** Told whenever `running` changes; returns what ends that. */
  readonly subscribe: (changed: () => void) => () => void
}

const MACHINE_CLOCK: Clock = {
  now: Date.now,
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
}

export function createJobRunner(options: JobRunnerOptions): JobRunner {
  const { registry, postpone, logger, clock = MACHINE_CLOCK } = options
  const metrics = createJobMetrics(registry)
  const running = createRunningJobs()
  const turns = createTurns({ ...options, metrics, running, now: () => clock.now() })
  return {
    run: (jobs, signal) =>
      runSchedule({
        jobs,
        takeTurn: (job) => turns.take(job, { signal }),
        postpone,
        onGone: (job) => {
          metrics.forget(job)
          job.gone?.()
        },
        clock,
        logger,
        signal,
      }),
    async runNow(job, signal) {
      const { record } = await turns.take(job, { isForced: true, signal })
      return record!
    },
    lastRun: turns.lastRun,
    running: running.list,
    subscribe: running.subscribe,
  }
}
