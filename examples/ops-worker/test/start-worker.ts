import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const CLI: string = join(import.meta.dirname, '../src/cli.ts')

/** Waits for what another process does. The test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(200)
}

export interface EndedWorker {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface StartedWorker extends AsyncDisposable {
  readonly pid: number
  readonly ended: Promise<EndedWorker>
  output(): string
  kill(signal: NodeJS.Signals): void
}

/** `ops-worker ARGS`, from its source or from another `cli`, with nothing of our own environment but the path. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv, cli: string = CLI): StartedWorker {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env['PATH'], OPS_PG_BIN: process.env['OPS_PG_BIN'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return {
    pid: child.pid!,
    ended,
    output: () => output.stdout + output.stderr,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

export interface ServingWorker extends StartedWorker {
  get(path: string, method?: string): Promise<{ status: number; body: string }>
  /** The value of a series, named as in the exposition: `up{job="x"}`. */
  metric(series: string): Promise<number | undefined>
}

/** `ops-worker serve` on a free port; resolves when it listens. */
export async function startWorker(env: NodeJS.ProcessEnv, cli?: string): Promise<ServingWorker> {
  const worker = startCli(['serve'], { OPS_WORKER_LISTEN: '127.0.0.1:0', ...env }, cli)
  const address = (): string | undefined => /"url":"([^"]+)"/.exec(worker.output())?.[1]
  const end = worker.ended.then(({ code }) => {
    throw new Error(`the worker ended with ${code}: ${worker.output()}`)
  })
  await Promise.race([until(() => address() !== undefined), end])
  end.catch(() => undefined)
  const get = async (path: string, method = 'GET'): Promise<{ status: number; body: string }> => {
    const response = await fetch(`${address()}${path}`, { method })
    return { status: response.status, body: await response.text() }
  }
  return {
    ...worker,
    get,
    async metric(series) {
      const { body } = await get('/metrics')
      const line = body.split('\n').find((each) => each.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    },
  }
}
