import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { Job, JobRef } from './job.ts'
import type { Turn } from './turns.ts'

export interface JobMetrics {
  running(job: JobRef, isRunning: boolean): void
  /** Shows what is known of a job after a turn. */
  show(job: Job, turn: Turn, now: number): void
  /** Takes away what is shown of a job that is no more; its counters stay. */
  readonly forget: (job: JobRef) => void
}

/** `ops_worker_job_…`, by job and, where it is about one, database. */
export function createJobMetrics(registry: Registry): JobMetrics {
  const options = { labelNames: ['job', 'database'] as const, registers: [registry] }
  const gauge = (name: string, help: string): Gauge<'job' | 'database'> =>
    new Gauge({ ...options, name: `ops_worker_job_${name}`, help })
  const lastRun = gauge('last_run_timestamp_seconds', 'When the last run ended, in whichever worker.')
  const lastRunSuccess = gauge('last_run_success', 'Whether the last run succeeded.')
  const lastSuccess = gauge('last_success_timestamp_seconds', 'When it last succeeded.')
  const duration = gauge('duration_seconds', 'How long the last run took.')
  const nextRun = gauge(
    'next_run_timestamp_seconds',
    'When it is due next; absent when nothing is scheduled.',
  )
  const isRunning = gauge('running', 'Whether it runs in this worker now.')
  const runs = new Counter({
    ...options,
    name: 'ops_worker_job_runs_total',
    help: 'Runs in this worker that have ended.',
  })
  const failures = new Counter({
    ...options,
    name: 'ops_worker_job_failures_total',
    help: 'Runs in this worker that failed, by error code.',
    labelNames: ['job', 'database', 'code'],
  })

  return {
    running: (job, value) => isRunning.set(labelsOf(job), Number(value)),
    show(job, { record, hasRun }, now) {
      const labels = labelsOf(job)
      const next = job.schedule.next(now)
      if (next !== undefined) nextRun.set(labels, next / 1000)
      runs.inc(labels, Number(hasRun))
      if (record === undefined) return
      const { startedAt, finishedAt, lastSuccessAt, error } = record
      lastRun.set(labels, seconds(finishedAt))
      lastRunSuccess.set(labels, error === undefined ? 1 : 0)
      duration.set(labels, seconds(finishedAt) - seconds(startedAt))
      if (lastSuccessAt !== undefined) lastSuccess.set(labels, seconds(lastSuccessAt))
      if (hasRun && error !== undefined) failures.inc({ ...labels, code: error.code })
    },
    forget(job) {
      for (const each of [lastRun, lastRunSuccess, lastSuccess, duration, nextRun, isRunning])
        each.remove(labelsOf(job))
    },
  }
}

function labelsOf({ kind, database = '' }: JobRef): { job: string; database: string } {
  return { job: kind, database }
}

function seconds(time: string): number {
  return Date.parse(time) / 1000
}
