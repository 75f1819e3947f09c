import type { RunningJob } from '@ops/status-page'
import { nameOf, type Job, type JobKind } from './job.ts'

/** How far a job is; what it has of this is shown. */
export interface JobProgress {
  readonly phase: string
  readonly bytes?: number
  readonly rawBytes?: number
  readonly total?: number
  readonly rows?: number
  readonly table?: { readonly schema: string; readonly name: string }
}

type JobRef = Pick<Job, 'kind' | 'database'>

/** What runs right now, for those who watch. */
export interface Activity {
  start(job: JobRef): void
  progress(job: JobRef, progress: JobProgress): void
  end(job: JobRef): void
  running(): RunningJob[]
  /** How many turns have ended that may have changed what is in the store. */
  ended(): number
  /** Told of every change; returns what ends that. */
  subscribe(changed: () => void): () => void
}

export function createActivity(cluster: string): Activity {
  const running = new Map<string, RunningJob>()
  const watchers = new Set<() => void>()
  let ended = 0
  const changed = (): void => watchers.forEach((watcher) => watcher())
  return {
    start(job) {
      const { kind, database } = job
      if (!isShown(kind)) return
      const startedAt = new Date().toISOString()
      running.set(nameOf(job), { id: nameOf(job), job: kind, cluster, database, startedAt, phase: 'start' })
      changed()
    },
    progress(job, { phase, bytes, rawBytes, total, rows, table }) {
      const before = running.get(nameOf(job))
      if (before === undefined) return
      const detail = table && `${table.schema}.${table.name}`
      const bytesDone = bytes ?? rawBytes
      running.set(nameOf(job), { ...before, phase, bytesDone, bytesTotal: total, rows, detail })
      changed()
    },
    end(job) {
      running.delete(nameOf(job))
      if (job.kind !== 'certificates') ended += 1
      changed()
    },
    running: () => [...running.values()],
    ended: () => ended,
    subscribe(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}

function isShown(kind: JobKind): kind is RunningJob['job'] {
  return kind !== 'inventory'
}
