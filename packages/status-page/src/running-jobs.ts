import type { RunningJob as JobUnderWay } from '@ops/internal-jobs'
import type { JobName, RunningJob } from './status.ts'

/** What the page shows of the jobs that run: those that it has words for. */
export function runningJobs(jobs: readonly JobUnderWay[], cluster: string): RunningJob[] {
  return jobs.flatMap(({ id, kind, database, startedAt, progress }) => {
    if (!isShown(kind)) return []
    const { phase = 'start', bytes, rawBytes, total: bytesTotal, rows, table } = progress ?? {}
    const detail = table && `${table.schema}.${table.name}`
    const bytesDone = bytes ?? rawBytes
    return [{ id, job: kind, cluster, database, startedAt, phase, bytesDone, bytesTotal, rows, detail }]
  })
}

const SHOWN: readonly string[] = ['backup', 'drill', 'retention', 'certificates'] satisfies JobName[]

function isShown(kind: string): kind is JobName {
  return SHOWN.includes(kind)
}
