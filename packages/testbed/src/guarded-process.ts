import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { errorCode } from './error-code.ts'
import type { ServerUser } from './run-folder.ts'

/**
 * A small shell between us and the server. Its standard input is a pipe that we hold open: when we
 * end in whatever way, SIGKILL included, it reads end-of-file, ends the server and removes the
 * server's folder. When the server ends by itself, the folder stays: we may still want its log.
 * (What the server's last children still write can make the removal fail: it is tried again.)
 * A killed PostgreSQL leaves a System V shared memory segment, named in line 7 of postmaster.pid.
 */
const GUARD = `
folder=$1 signal=$2; shift 2
exec 3<&0 </dev/null
"$@" 3<&- >>"$folder/server.log" 2>&1 &
server=$!
trap '' HUP INT TERM
echo "$server"
{
  while read -r _; do :; done
  : >"$folder/orphaned"
  kill -CONT "$server"; kill -s "$signal" "$server"
  sleep 5; kill -KILL "$server"
} <&3 >/dev/null 2>&1 &
watcher=$!
wait "$server"; status=$?
if [ -e "$folder/data/postmaster.pid" ]; then
  segment=$(sed -n '7s/.* //p' "$folder/data/postmaster.pid")
  [ -n "$segment" ] && sleep 0.1 && ipcrm -m "$segment"
fi >/dev/null 2>&1
if [ -e "$folder/orphaned" ]; then
  for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$folder" && break; sleep 1; done
fi
kill -KILL "$watcher" 2>/dev/null
exit "$status"
`
const KILL_AFTER_MS = 10_000

export interface GuardedProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  /** The server's own folder; its output goes to `server.log` in there. */
  readonly folder: string
  readonly user: ServerUser
  readonly env?: NodeJS.ProcessEnv
  /** What ends the server at once when its owner is gone; without the `SIG`. */
  readonly orphanSignal: 'QUIT' | 'TERM' | 'KILL'
}

export interface GuardedProcess {
  readonly pid: number
  /** Resolves when the server is gone. */
  readonly exited: Promise<void>
  hasExited(): boolean
  kill(signal: NodeJS.Signals): void
  /** Sends the signal, and SIGKILL to what is still there ten seconds later. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts a server that does not outlive this process. */
export async function startGuarded(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const { folder, user } = options
  const guard = spawn(
    '/bin/sh',
    ['-c', GUARD, 'ops-testbed-guard', folder, options.orphanSignal, options.command, ...options.args],
    {
      ...user,
      cwd: folder,
      env: options.env ?? process.env,
      // A process group of its own: Ctrl-C reaches us alone, and the guard cleans up after us.
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  )
  let ended = false
  const exited = new Promise<void>((resolve) => {
    guard.once('exit', () => {
      ended = true
      resolve()
    })
  })
  guard.stdin.on('error', () => undefined)
  await once(guard, 'spawn')
  const [line]: unknown[] = await once(guard.stdout, 'data')
  const pid = Number.parseInt(String(line), 10)
  if (!(pid > 1)) throw new Error(`the guard of ${options.command} did not say a process id`)
  // A server that nobody stopped must not keep its owner from ending.
  guard.stdout.destroy()
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()

  const kill = (signal: NodeJS.Signals): void => {
    if (!ended) sendSignal(pid, signal)
  }
  return {
    pid,
    exited,
    hasExited: () => ended,
    kill,
    end: async (signal) => {
      if (ended) return
      guard.ref()
      kill('SIGCONT')
      kill(signal)
      const timer = setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

/** What the server wrote to its standard output and error. */
export function readServerLog(folder: string): string {
  try {
    return readFileSync(join(folder, 'server.log'), 'utf8')
  } catch {
    return ''
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}
