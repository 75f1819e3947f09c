import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Whether there is util-linux's `script`, which runs a program on a terminal of its own. */
export function hasTerminal(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
}

export interface OnTerminal extends AsyncDisposable {
  /** Everything that the terminal has got so far, control characters included. */
  readonly screen: string
  readonly ended: Promise<number>
  /** Types on the terminal's keyboard. */
  type(text: string): void
}

/** Starts a command line on a terminal of so many columns. */
export function startOnTerminal(command: string, columns: number, env: NodeJS.ProcessEnv): OnTerminal {
  const resized = `stty columns ${columns} rows 24; exec ${command}`
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', resized, '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
  })
  return {
    get screen() {
      return screen
    },
    ended: once(child, 'close').then(([code]) => code as number),
    type: (text) => void child.stdin.write(text),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
