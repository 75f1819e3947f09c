import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { PhaseTime } from '../src/report.ts'
import type { VerifyRestoreOptions } from '../src/verify-restore.ts'

const PROGRAM = join(import.meta.dirname, 'drill-until.ts')

/** A drill in a process of its own that came to a phase. */
interface DrillAtPhase {
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export async function drillUntil(
  phase: PhaseTime['phase'],
  store: string,
  options: Omit<VerifyRestoreOptions, 'store'>,
  then: 'stand still' | 'go on' = 'stand still',
): Promise<DrillAtPhase> {
  const child = spawn(process.execPath, [PROGRAM, store, JSON.stringify(options), phase, then], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  await Promise.race([
    once(child.stdout, 'data'),
    closed.then(() => {
      throw new Error(`the drill ended before the phase "${phase}"`)
    }),
  ])
  return {
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
