import { nameOf, type JobProgress, type JobRef } from './job.ts'

/** A run that is under way. */
export interface RunningJob extends JobRef {
  /** Stays the same while it runs. */
  readonly id: string
  readonly startedAt: string
  /** The last that it told. */
  readonly progress?: JobProgress
}

/** What runs right now, for those who watch. */
export interface RunningJobs {
  start(job: JobRef, startedAt: number): void
  progress(job: JobRef, progress: JobProgress): void
  end(job: JobRef): void
  readonly list: () => RunningJob[]
  /** Told of every change; returns what ends that. */
  readonly subscribe: (changed: () => void) => () => void
}

export function createRunningJobs(): RunningJobs {
  const running = new Map<string, RunningJob>()
  const watchers = new Set<() => void>()
  const changed = (): void => watchers.forEach((watcher) => watcher())
  return {
    start({ kind, database }, startedAt) {
      const id = nameOf({ kind, database })
      running.set(id, { id, kind, database, startedAt: new Date(startedAt).toISOString() })
      changed()
    },
    progress(job, progress) {
      const before = running.get(nameOf(job))
      if (before === undefined) return
      running.set(before.id, { ...before, progress })
      changed()
    },
    end(job) {
      if (running.delete(nameOf(job))) changed()
    },
    list: () => [...running.values()],
    subscribe(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}
