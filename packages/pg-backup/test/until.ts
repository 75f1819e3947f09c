import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for what another process does. The test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}
