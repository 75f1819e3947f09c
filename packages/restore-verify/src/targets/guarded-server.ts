import { startProgram, type ProgramError } from '@ops/internal-subprocess'

/**
 * Makes a cluster, runs it, and removes it: `sh -c GUARD name folder setting…`, with the server's
 * password as the first line of standard input. Standard input stays open for as long as the drill
 * lives. When it ends, however the drill did, SIGKILL included, the server is shut down at once and
 * its folder emptied. So there is one way to end, for the drill that is done and for the one that died.
 * It works the same in a shell on this machine and in a container, where it is the first process.
 */
const GUARD = `
umask 077
folder=\${1:?}; shift
read -r password || exit 1
empty() { rm -rf "$folder"/* "$folder"/.s.*; }
end() { empty || { sleep 1; empty; }; rmdir "$folder"; } 2>/dev/null
mkdir -p "$folder" && printf '%s\\n' "$password" >"$folder/password" &&
initdb --pgdata="$folder/data" --username=postgres --pwfile="$folder/password" --auth=scram-sha-256 \
  --encoding=UTF8 --locale=C --no-sync >/dev/null || { end; exit 1; }
rm "$folder/password"
exec 3<&0 </dev/null
trap '' HUP INT TERM
postgres -D "$folder/data" "$@" 3<&- &
server=$!
{
  while read -r _; do :; done
  kill -QUIT "$server"
  tries=0
  while [ $tries -lt 100 ] && kill -0 "$server"; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$server"
} <&3 >/dev/null 2>&1 &
watcher=$!
wait "$server"; status=$?
end
kill -KILL "$watcher" 2>/dev/null
exit "$status"
`

/** PostgreSQL as root's process would refuse to start; the arguments of `sh` that run the guard. */
export function guardArguments(folder: string, settings: Readonly<Record<string, string>>): string[] {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-c', GUARD, 'ops-restore-verify', folder, ...flags]
}

export interface GuardedServerOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly password: string
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly signal?: AbortSignal
}

export interface GuardedServer {
  /** The end of the server's log. */
  logTail(): string
  /** Ends the server; resolves when it, and everything it had, is gone. */
  stop(): Promise<void>
}

/**
 * Starts the guard and waits until the server takes connections. Rejects with the `ProgramError` of a
 * server that did not start, or with `signal.reason`; either way nothing is left of it.
 */
export async function startGuardedServer(options: GuardedServerOptions): Promise<GuardedServer> {
  const { command, args, password, env, cwd, user, signal } = options
  signal?.throwIfAborted()
  let announceReady = (): void => undefined
  const ready = new Promise<'ready'>((resolve) => {
    announceReady = () => resolve('ready')
  })
  const program = startProgram(command, {
    args,
    env,
    cwd,
    user,
    detached: true,
    onStderrLine: (line) => {
      if (line.includes('database system is ready to accept connections')) announceReady()
    },
  })
  program.stdout.resume()
  program.stdin.write(`${password}\n`)
  const ended = program.exited.then(
    () => undefined,
    (error: ProgramError) => error,
  )
  const stop = async (): Promise<void> => {
    program.stdin.end()
    await ended
  }
  const aborted = new Promise<'aborted'>((resolve) => {
    signal?.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
  const first = await Promise.race([ready, ended, aborted])
  if (first === 'ready') return { logTail: () => program.stderrTail(), stop }
  await stop()
  signal?.throwIfAborted()
  throw first instanceof Error ? first : new Error('the server ended before it took connections')
}
