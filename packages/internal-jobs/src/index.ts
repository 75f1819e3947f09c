/** Jobs on a schedule: due by slots, shared by leases in a store, never run twice, shown on metrics. */
export { createJobMetrics } from './job-metrics.ts'
export { createJobRunner, type JobRunner } from './job-runner.ts'
export { storeRecords } from './job-records.ts'
export type { Job, JobRecord } from './job.ts'
export type { RunningJob } from './running-jobs.ts'
export { checkPattern, cronSchedule, type Schedule } from './schedule.ts'
