import { createProgressLine, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'

export interface OutputFlags {
  json?: boolean
  quiet?: boolean
}

/** Adds `--quiet` and `--json` to a command that takes its time. */
export function withOutputFlags(command: Command): Command {
  return command
    .option('--quiet', 'say nothing unless it fails; for cron')
    .option('--json', 'print events as JSON, one a line; the last one is "done" or "failed"')
}

/** Has whatever belongs to its phase. */
interface ProgressEvent {
  readonly phase: string
  readonly [field: string]: unknown
}

/** What a command says while it works and when it is done: to people on stderr, to programs on stdout. */
export interface Output extends Disposable {
  /** Shows how far it is: the event to programs, the fields, the most important one first, to people. */
  progress(event: ProgressEvent, fields: () => readonly string[]): void
  /** For programs alone. */
  event(event: { readonly event: string }): void
  /** The end: the result to programs, lines to people, and data on stdout for a script. */
  done(result: object, lines: readonly string[], data?: string): Promise<void>
}

const EVENT_INTERVAL_MS = 1000

export function createOutput({ json, quiet }: OutputFlags, context: CliContext): Output {
  return json === true ? jsonOutput(context, quiet === true) : textOutput(context, quiet === true)
}

function textOutput(context: CliContext, quiet: boolean): Output {
  const line = createProgressLine()
  return {
    progress: (_event, fields) => {
      if (!quiet) line.update(...fields())
    },
    event: () => undefined,
    done: async (_result, lines, data) => {
      line.clear()
      if (quiet) return
      for (const each of lines) context.say(each)
      if (data !== undefined) await context.print(`${data}\n`)
    },
    [Symbol.dispose]: () => line.clear(),
  }
}

/** Of one phase of one database an event a second is enough. */
function jsonOutput(context: CliContext, quiet: boolean): Output {
  const shown = new Map<unknown, { phase: string; at: number }>()
  return {
    progress: (event) => {
      const at = performance.now()
      const before = shown.get(event['database'])
      const isSoon = before?.phase === event.phase && at - before.at < EVENT_INTERVAL_MS
      if (quiet || isSoon) return
      shown.set(event['database'], { phase: event.phase, at })
      void context.printEvent({ event: 'progress', ...event })
    },
    event: (event) => {
      if (!quiet) void context.printEvent(event)
    },
    done: (result) => context.printEvent({ event: 'done', ...result }),
    [Symbol.dispose]: () => undefined,
  }
}
