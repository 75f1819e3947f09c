import { setTimeout as sleep } from 'node:timers/promises'

/** Reads again and again until it is as wanted; the test's own time limit is the end of it. */
export async function until<T>(read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read()
    if (isWanted(value)) return value
    await sleep(20)
  }
}
