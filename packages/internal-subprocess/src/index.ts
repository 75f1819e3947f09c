/** Child processes: started without a shell, watched to their end, and killed for certain. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { openBlockPipe } from './block-pipe.ts'
import { withWideOutput } from './wide-output.ts'

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

interface RunningProgram {
  readonly stdin: Writable
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

export interface Program extends RunningProgram {
  readonly stdout: Readable
}

/** A program with processes of its own, which are stopped and ended together. */
export interface ProgramGroup extends Program {
  /** SIGSTOP to all of them. Should this process die meanwhile, they are killed. */
  pause(): void
  resume(): void
}

export interface BlockProgram extends RunningProgram {
  /**
   * stdout, in blocks. A block is valid until the next one is asked for; then its memory is filled
   * again. Ends when the child closes stdout; whether it ended well, `exited` tells.
   */
  readonly blocks: AsyncIterable<Buffer>
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

/** Recognises a {@link ProgramError}, also one of another copy of this module: it is inlined into each package. */
export function isProgramError(value: unknown): value is ProgramError {
  return value instanceof Error && value.name === 'ProgramError' && 'stderrTail' in value
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
  const { program, stdout } = launch(command, options, 'pipe')
  return {
    ...program,
    stdout: stdout!,
    kill: () => {
      // A reader that stopped reading must not keep the child's pipe, and so the child, open.
      stdout!.destroy()
      return program.kill()
    },
  }
}

/**
 * Starts `command` to read much from its stdout: into few blocks of memory, which are used again and
 * again. `onBytes` sees the bytes as soon as they come; what it throws fails `blocks`. For its pipe it
 * needs a temporary folder that can be written to; without one it is slower, and works all the same.
 */
export async function startBlockProgram(
  command: string,
  options: SpawnOptions & { readonly onBytes: (bytes: Buffer) => void },
): Promise<BlockProgram> {
  const [started, pipe] = await Promise.all([
    withWideOutput(command, options.args, options.env),
    openBlockPipe(options).catch(() => undefined),
  ])
  const { program, stdout } = launch(command, options, pipe?.childEnd ?? 'pipe', { started })
  pipe?.childEnd.destroy()
  return {
    ...program,
    blocks: pipe?.blocks ?? tap(stdout!, options.onBytes),
    kill: () => {
      pipe?.destroy()
      stdout?.destroy()
      return program.kill()
    },
  }
}

/** Starts `command` as the leader of a process group: `kill` and an abort reach all of it. */
export function startProgramGroup(command: string, options: SpawnOptions): ProgramGroup {
  const { program, stdout, send } = launch(command, options, 'pipe', { isGroup: true })
  return { ...program, stdout: stdout!, pause: () => send('SIGSTOP'), resume: () => send('SIGCONT') }
}

async function* tap(stream: Readable, onBytes: (bytes: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const bytes of stream) {
    onBytes(bytes as Buffer)
    yield bytes as Buffer
  }
}

interface LaunchOptions {
  /** What is started to become `command`. @default `command` itself */
  readonly started?: { readonly command: string; readonly args: readonly string[] }
  readonly isGroup?: boolean
}

function launch(
  command: string,
  options: SpawnOptions,
  stdout: 'pipe' | Socket,
  { started = { command, args: options.args }, isGroup = false }: LaunchOptions = {},
): { program: RunningProgram; stdout: Readable | null; send: (signal: NodeJS.Signals) => void } {
  const child = spawn(started.command, started.args, {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
    stdio: ['pipe', stdout, 'pipe'],
    detached: isGroup || options.detached === true,
  })
  const send = (signal: NodeJS.Signals): void => {
    if (isGroup) signalGroup(child.pid, signal)
    else child.kill(signal)
  }
  const watchdog = isGroup ? startWatchdog(child.pid) : undefined
  const stdin = child.stdin!
  const stderr = collectStderr(child, options.onStderrLine)
  let killTimer: NodeJS.Timeout | undefined
  const terminate = (): void => {
    if (killTimer !== undefined || child.exitCode !== null || child.signalCode !== null) return
    send('SIGTERM')
    // What is stopped learns of it only when it goes on.
    if (isGroup) send('SIGCONT')
    killTimer = setTimeout(() => send('SIGKILL'), KILL_AFTER_MS)
  }
  options.signal?.addEventListener('abort', terminate, { once: true })
  if (options.signal?.aborted === true) terminate()
  // What a child does not read any more (EPIPE) shows in its exit code, which says why.
  stdin.on('error', () => stdin.destroy())

  const exited = new Promise<void>((resolve, reject) => {
    let startError: unknown
    child.once('error', (error) => {
      startError = error
      if (child.pid === undefined) settle(null, null)
    })
    child.once('close', (code, signal) => settle(code, signal))
    function settle(code: number | null, endedBy: NodeJS.Signals | null): void {
      clearTimeout(killTimer)
      watchdog?.stop()
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
  const program = {
    stdin,
    exited,
    stderrTail: stderr,
    kill: () => {
      terminate()
      return gone
    },
  }
  return { program, stdout: child.stdout, send }
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * A group of its own is out of reach of the terminal and outlives this process, paused for ever or
 * filling a disk that nobody empties. So a shell waits for the end of a pipe that only this process
 * holds: when it ends without a line on it, this process was killed, and the group is killed too.
 */
function startWatchdog(leader: number | undefined): { stop(): void } | undefined {
  if (leader === undefined) return undefined
  const shell = spawn('sh', ['-c', 'read -r line || kill -s KILL -- "-$1"', 'sh', String(leader)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell there is no watchdog, and everything else works.
  shell.on('error', () => undefined)
  shell.stdin.on('error', () => undefined)
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return { stop: () => void shell.stdin.end('\n') }
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

function collectStderr(child: ChildProcess, onLine: ((line: string) => void) | undefined): () => string {
  let tail = ''
  let line = ''
  const stream = child.stderr!
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_BYTES)
    if (onLine === undefined) return
    const lines = (line + text).split('\n')
    line = lines.pop()!.slice(-STDERR_TAIL_BYTES)
    for (const each of lines) onLine(each)
  })
  stream.on('end', () => {
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
