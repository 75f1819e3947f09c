/** Work on files side by side, as they come. */
export interface Uploads<File> {
  add(files: readonly File[]): void
  /** Nothing is under way, and nothing waits. */
  readonly isIdle: boolean
  /** Resolves when nothing is under way or waits any more; after a failure, when nothing is under way. */
  settled(): Promise<void>
}

/** Runs `work` on each file that is added, `limit` at a time. After a failure nothing new is begun. */
export function createUploads<File>(
  limit: number,
  work: (file: File) => Promise<void>,
  onFailure: (error: unknown) => void,
): Uploads<File> {
  const waiting: File[] = []
  const running = new Set<Promise<void>>()
  let isOver = false

  function begin(): void {
    while (running.size < limit && waiting.length > 0) {
      const task = work(waiting.shift()!)
        .catch((error: unknown) => {
          waiting.length = 0
          isOver = true
          onFailure(error)
        })
        .then(() => {
          running.delete(task)
          begin()
        })
      running.add(task)
    }
  }

  return {
    add(files) {
      if (isOver) return
      waiting.push(...files)
      begin()
    },
    get isIdle() {
      return running.size === 0 && waiting.length === 0
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
