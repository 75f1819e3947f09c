import type { JobName, RunningJob } from './status.ts'

/** A run as the one who runs it knows it. */
export interface JobUnderWay {
  readonly id: string
  readonly kind: string
  readonly database?: string
  readonly startedAt: string
  /** As `createBackup` and `verifyRestore` tell it. */
  readonly progress?: {
    readonly phase: string
    readonly bytes?: number
    readonly rawBytes?: number
    readonly total?: number
    readonly rows?: number
    readonly table?: { readonly schema: string; readonly name: string }
  }
}

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
