import { rmSync } from 'node:fs'
import {
  readServerLog,
  startGuarded,
  type GuardedProcess,
  type GuardedProcessOptions,
} from './guarded-process.ts'
import type { ServerRuntime } from './runtime.ts'

/** A process of this machine in a folder of its own; `start` has to be called first. */
export function localRuntime(options: GuardedProcessOptions): ServerRuntime {
  const { folder } = options
  let running: GuardedProcess | undefined
  let lastLog: string | undefined
  return {
    start: async () => {
      if (lastLog !== undefined) throw new Error('this server was stopped, and its data are gone')
      running = await startGuarded(options)
    },
    end: async (signal) => await running?.end(signal),
    kill: async (signal) => running?.kill(signal),
    hasExited: async () => running?.hasExited() ?? true,
    logText: async () => lastLog ?? readServerLog(folder),
    remove: async () => {
      if (lastLog !== undefined) return
      await running?.end(`SIG${options.orphanSignal}`)
      lastLog = readServerLog(folder)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}
