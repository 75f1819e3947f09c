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

export function createOutput({ json = false, quiet = false }: OutputFlags, context: CliContext): Output {
  // On one terminal events and a line that is rewritten would be in each other's way.
  const hasLine = !quiet && !(json && process.stdout.isTTY)
  const line = hasLine ? createProgressLine() : undefined
  const hasEvents = json && !quiet
  const isTooSoon = rareness()
  return {
    progress: (event, fields) => {
      line?.update(...fields())
      if (hasEvents && !isTooSoon(event)) void context.printEvent({ event: 'progress', ...event })
    },
    event: (event) => {
      if (hasEvents) void context.printEvent(event)
    },
    done: async (result, lines, data) => {
      line?.clear()
      if (!quiet) for (const each of lines) context.say(each)
      if (json) await context.printEvent({ event: 'done', ...result })
      else if (!quiet && data !== undefined) await context.print(`${data}\n`)
    },
    [Symbol.dispose]: () => line?.clear(),
  }
}

const EVENT_INTERVAL_MS = 1000

/** Of one phase of one database an event a second is enough. */
function rareness(): (event: ProgressEvent) => boolean {
  const shown = new Map<unknown, { phase: string; at: number }>()
  return ({ phase, database }) => {
    const at = performance.now()
    const before = shown.get(database)
    if (before?.phase === phase && at - before.at < EVENT_INTERVAL_MS) return true
    shown.set(database, { phase, at })
    return false
  }
}
