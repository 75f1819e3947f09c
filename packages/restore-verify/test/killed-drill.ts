import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { PhaseTime } from '../src/report.ts'
import type { VerifyRestoreOptions } from '../src/verify-restore.ts'

const PROGRAM = join(import.meta.dirname, 'drill-until.ts')

/** A drill in a process of its own that stands still where a phase begins. */
export interface StandingDrill {
  readonly pid: number
  /** Lets it go on. */
  goOn(): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export async function drillUntil(
  phase: PhaseTime['phase'],
  store: string,
  options: Omit<VerifyRestoreOptions, 'store'>,
): Promise<StandingDrill> {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    [PROGRAM, store, JSON.stringify(options), phase],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const closed = once(child, 'close')
  await Promise.race([
    once(child.stdout, 'data'),
    closed.then(() => {
      throw new Error(`the drill ended before the phase "${phase}"`)
    }),
  ])
  return {
    pid: child.pid!,
    goOn: () => void child.stdin.write('\n'),
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
