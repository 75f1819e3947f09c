/** Child processes: started without a shell, watched to their end, and killed for certain. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

/** How long a child may take to end after SIGTERM before it gets SIGKILL. */
const KILL_AFTER_MS = 5000
const STDERR_TAIL_BYTES = 4096

export interface SpawnOptions {
  /** Never put a secret here: every user of the machine can read it. */
  readonly args: readonly string[]
  /** The whole environment of the child. @default process.env */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Who the child runs as. @default this process's user */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** In a process group of its own, so that Ctrl-C in a terminal does not reach it. @default false */
  readonly detached?: boolean
  /** Kills the child; `exited` then rejects with `signal.reason`, once the child is gone. */
  readonly signal?: AbortSignal
  /** Called with each whole line of stderr. */
  readonly onStderrLine?: (line: string) => void
}

export interface Program {
  readonly stdin: Writable
  readonly stdout: Readable
  /**
   * Resolves when the child ended with code 0; rejects with {@link ProgramError} when it did not,
   * and with `signal.reason` when it was aborted. Settles only after the child is gone. Has a
   * rejection handler of its own, so that a caller may look at it late.
   */
  readonly exited: Promise<void>
  /** The last 4 KiB of stderr so far. */
  stderrTail(): string
  /** SIGTERM, then SIGKILL; resolves when the child is gone. */
  kill(): Promise<void>
}

/** A program that could not be started, or did not end with code 0. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly command: string
  /** `null` when a signal ended it, or it never started. */
  readonly exitCode: number | null
  readonly endedBy: NodeJS.Signals | null
  readonly stderrTail: string

  constructor(end: ProgramEnd) {
    super(describe(end), end.cause === undefined ? undefined : { cause: end.cause })
    this.command = end.command
    this.exitCode = end.exitCode
    this.endedBy = end.endedBy
    this.stderrTail = end.stderrTail
  }
}

interface ProgramEnd {
  readonly command: string
  readonly exitCode: number | null
  readonly endedBy: NodeJS.Signals | null
  readonly stderrTail: string
  readonly cause?: unknown
}

/** Starts `command` with pipes on all three streams. Does not throw: a failed start rejects `exited`. */
export function startProgram(command: string, options: SpawnOptions): Program {
  const child = spawn(command, options.args, {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
    detached: options.detached ?? false,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const stderr = collectStderr(child, options.onStderrLine)
  let killTimer: NodeJS.Timeout | undefined
  const terminate = (): void => {
    if (killTimer !== undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    killTimer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  }
  options.signal?.addEventListener('abort', terminate, { once: true })
  if (options.signal?.aborted === true) terminate()
  // What a child does not read any more (EPIPE) shows in its exit code, which says why.
  child.stdin.on('error', () => child.stdin.destroy())

  const exited = new Promise<void>((resolve, reject) => {
    let startError: unknown
    child.once('error', (error) => {
      startError = error
      if (child.pid === undefined) settle(null, null)
    })
    child.once('close', (code, signal) => settle(code, signal))
    function settle(code: number | null, endedBy: NodeJS.Signals | null): void {
      clearTimeout(killTimer)
      options.signal?.removeEventListener('abort', terminate)
      if (options.signal?.aborted === true) reject(options.signal.reason as Error)
      else if (code === 0) resolve()
      else
        reject(
          new ProgramError({ command, exitCode: code, endedBy, stderrTail: stderr(), cause: startError }),
        )
    }
  })
  const gone = exited.catch(() => undefined)
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    exited,
    stderrTail: stderr,
    kill: async () => {
      terminate()
      // A reader that stopped reading must not keep the child's pipe, and so the child, open.
      child.stdout.destroy()
      await gone
    },
  }
}

/** Runs `command` to its end and returns its stdout as text; for small outputs. */
export async function runProgram(command: string, options: SpawnOptions): Promise<string> {
  const program = startProgram(command, options)
  program.stdin.end()
  program.stdout.setEncoding('utf8')
  let output = ''
  program.stdout.on('data', (text: string) => {
    output += text
  })
  await program.exited
  return output
}

function collectStderr(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let tail = ''
  let line = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_BYTES)
    if (onLine === undefined) return
    const lines = (line + text).split('\n')
    line = lines.pop()!.slice(-STDERR_TAIL_BYTES)
    for (const each of lines) onLine(each)
  })
  child.stderr.on('end', () => {
    if (line !== '') onLine?.(line)
  })
  return () => tail.trim()
}

function describe({ command, exitCode, endedBy, stderrTail, cause }: ProgramEnd): string {
  const name = command.split('/').at(-1)!
  if (cause !== undefined) {
    const { code } = cause as NodeJS.ErrnoException
    return code === 'ENOENT'
      ? `${name} was not found`
      : `${name} could not be started: ${(cause as Error).message}`
  }
  const how = endedBy === null ? `ended with exit code ${exitCode}` : `was killed by ${endedBy}`
  return stderrTail === '' ? `${name} ${how}` : `${name} ${how}: ${stderrTail}`
}
