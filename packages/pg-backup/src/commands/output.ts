import { createProgressLine, type CliContext, type Progress } from '@ops/internal-cli'
import type { Command } from 'commander'
import type { Line, Started } from '../json-output.ts'

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

/** What an event of progress says at least. */
interface Phase {
  readonly phase: string
  readonly database?: string
}

/** What a command says while it works and when it is done: to people on stderr, to programs on stdout. */
export interface Output<Event extends Phase, Result extends object> extends Disposable {
  /** Shows how far it is: the event to programs, the same as a line to people. */
  progress(event: Event, line: Progress): void
  /** For programs alone. */
  started(event: Omit<Started, 'event'>): void
  /** The end: the result to programs, lines to people, and data on stdout for a script. */
  done(result: Result, lines: readonly string[], data?: string): Promise<void>
}

/** `Event` and `Result` are what the command's type in `json-output.ts` has in its lines. */
export function createOutput<Event extends Phase, Result extends object>(
  { json = false, quiet = false }: OutputFlags,
  context: CliContext,
): Output<Event, Result> {
  // On one terminal events and a line that is rewritten would be in each other's way.
  const hasLine = !quiet && !(json && process.stdout.isTTY)
  const line = hasLine ? createProgressLine() : undefined
  const hasEvents = json && !quiet
  const isTooSoon = rareness()
  return {
    progress: (event, progress) => {
      line?.update(progress)
      if (hasEvents && !isTooSoon(event))
        void context.printEvent<Line<Event, Result>>({ event: 'progress', ...event })
    },
    started: (event) => {
      if (hasEvents) void context.printEvent<Started>({ event: 'started', ...event })
    },
    done: async (result, lines, data) => {
      line?.clear()
      if (!quiet) for (const each of lines) context.say(each)
      if (json) await context.printEvent<Line<Event, Result>>({ event: 'done', ...result })
      else if (!quiet && data !== undefined) await context.print(`${data}\n`)
    },
    [Symbol.dispose]: () => line?.clear(),
  }
}

const EVENT_INTERVAL_MS = 1000

/** Of one phase of one database an event a second is enough. */
function rareness(): (event: Phase) => boolean {
  const shown = new Map<string | undefined, { phase: string; at: number }>()
  return ({ phase, database }) => {
    const at = performance.now()
    const before = shown.get(database)
    if (before?.phase === phase && at - before.at < EVENT_INTERVAL_MS) return true
    shown.set(database, { phase, at })
    return false
  }
}
