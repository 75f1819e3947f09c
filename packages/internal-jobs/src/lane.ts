/** Waits until there is room for one more piece of work, and does it. */
export type Lane = <T>(work: () => Promise<T>) => Promise<T>

/** At most so many at a time, in the order in which they came. */
export function createLane(concurrency: number): Lane {
  let free = concurrency
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
