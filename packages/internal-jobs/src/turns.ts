import type { Logger } from '@ops/pg-backup'
import type { Activity } from './activity.ts'
import type { JobMetrics } from './job-metrics.ts'
import type { JobRecords } from './job-records.ts'
import { nameOf, type Job, type JobRecord } from './job.ts'
import { createLane } from './scheduler.ts'
import { takeTurn, type Retry, type Turn } from './take-turn.ts'

export interface TurnsOptions {
  /** For the jobs that workers share, and for those that each has for itself. */
  readonly shared: JobRecords
  readonly local: JobRecords
  /** Shared jobs at a time. */
  readonly concurrency: number
  readonly retry: Retry
  readonly metrics: JobMetrics
  readonly activity: Activity
  readonly now: () => number
  readonly logger: Logger
}

/** The turns of one worker, and what it knows from them. */
export interface Turns {
  take(job: Job, options: { readonly isForced?: boolean; readonly signal: AbortSignal }): Promise<Turn>
  readonly known: (job: Pick<Job, 'kind' | 'database'>) => JobRecord | undefined
}

export function createTurns(options: TurnsOptions): Turns {
  const { shared, local, concurrency, retry, metrics, activity, now, logger } = options
  const known = new Map<string, JobRecord>()
  const lane = createLane(concurrency)
  return {
    async take(job, how) {
      const turn = await takeTurn(job, {
        ...how,
        ...(job.isLocal === true ? { records: local } : { records: shared, lane }),
        known: known.get(nameOf(job)),
        retry,
        now,
        logger,
        onStart: () => {
          metrics.running(job, true)
          activity.start(job)
        },
      }).finally(() => {
        metrics.running(job, false)
        activity.end(job)
      })
      if (turn.record !== undefined) known.set(nameOf(job), turn.record)
      metrics.show(job, turn, now())
      return turn
    },
    known: (job) => known.get(nameOf(job)),
  }
}
