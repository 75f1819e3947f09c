import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { checkJson } from '@ops/internal-cli/check-json'
import { shell } from './harness.ts'

/** The package's bin, from its source. */
const CLI: string = join(import.meta.dirname, '../src/cli.ts')

export interface EndedCli {
  /** `null` when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A run of the bin in a process group of its own, so that every process it started can be found. */
export interface RunningCli {
  readonly ended: Promise<EndedCli>
  stdoutSoFar(): string
  /** Sends the signal to the bin alone, as `kill` and a supervisor do. */
  kill(signal: NodeJS.Signals): void
  /** The processes of its group that live, the bin among them while it runs. */
  processes(): Promise<{ pid: number; name: string }[]>
}

export function startCli(args: readonly string[], env: NodeJS.ProcessEnv): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  return {
    ended: end(child, args),
    stdoutSoFar: () => stdout,
    kill: (signal) => void child.kill(signal),
    processes: () => processGroup(child.pid!),
  }
}

async function end(child: ChildProcess, args: readonly string[]): Promise<EndedCli> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ])
  checkJson('pg-backup', args, stdout)
  return { code: code as number | null, stdout, stderr }
}

async function processGroup(group: number): Promise<{ pid: number; name: string }[]> {
  const lines = (await shell('ps -A -o pgid=,pid=,stat=,comm=', {}))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return lines
    .filter(([pgid, , state]) => Number(pgid) === group && state?.startsWith('Z') === false)
    .map(([, pid, , name]) => ({ pid: Number(pid), name: name!.split('/').at(-1)! }))
}
