import { realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { Command, CommanderError } from 'commander'
import { errorMessage } from '@ops/internal-error'
import { addCompletion } from './completion/completion-command.ts'
import { quote } from './completion/shell-text.ts'
import type { FailedOutput } from './failed-output.ts'
import { oneLine, printable } from './format.ts'

/** Exit codes of every bin. A signal ends a bin with 128 + its number, after it has cleaned up. */
export const EXIT = { done: 0, failed: 1, usage: 2, findings: 3 } as const

/** Wrong flags, environment or arguments: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What a command gets to see of the world. */
export interface CliContext {
  /** Aborted by SIGINT, SIGTERM or SIGHUP. A second signal ends the process at once. */
  readonly signal: AbortSignal
  readonly env: NodeJS.ProcessEnv
  /**
   * Writes data for programs to stdout, awaiting a slow reader. Never rejects: what is being done goes on
   * to its end where stdout fails. `false` says that nothing more will be read.
   */
  print(text: string): Promise<boolean>
  /**
   * Writes one JSON document and a newline to stdout. Its type has to be named: `printJson<ListOutput>(rows)`,
   * one of the package's `json-output.ts`, from which the published schemas are made.
   */
  printJson<Value = never>(value: NoInfer<Value>): Promise<void>
  /** Writes JSON on one line to stdout, for commands that print one event a line. */
  printEvent<Value = never>(event: NoInfer<Value>): Promise<void>
  /** Writes a line for people to stderr. */
  say(line: string): void
  /**
   * Tells people what to do next, and the command for it, to be copied as it stands. Says so on a
   * terminal only, and neither with `--quiet` nor with `--json`: cron and programs know what they do.
   */
  next(what: string, command: readonly string[]): void
  /** Sets the exit code for a command that did its work (`EXIT.findings`, say). */
  exitWith(code: number): void
}

export interface CliDefinition {
  name: string
  version: string
  description: string
  /** Adds subcommands and options. Actions may throw; see `usageCodes`. */
  build(program: Command, context: CliContext): void
  /** Error codes that mean "you asked for something that makes no sense": exit code 2. */
  usageCodes?: readonly string[]
}

/**
 * Runs a bin when its module is the program that Node was started with, and does nothing when the
 * module is only imported (by a test, or to see that it loads).
 */
export function runCli(moduleUrl: string, definition: CliDefinition): void {
  const main = process.argv[1]
  if (main === undefined || realpathSync(main) !== fileURLToPath(moduleUrl)) return
  void execute(definition).then((code) => {
    process.exitCode = code
  })
}

async function execute(definition: CliDefinition): Promise<number> {
  const signals = trapSignals()
  const output = watchOutput()
  // A terminal that was closed, or a log on a full disk, must not end a backup before it has cleaned up.
  process.stderr.on('error', () => undefined)
  let exitCode: number = EXIT.done
  const context: CliContext = {
    signal: signals.signal,
    env: process.env,
    print: output.print,
    printJson: async (value) => void (await output.print(`${JSON.stringify(value, exactly, 2)}\n`)),
    printEvent: async (event) => void (await output.print(`${JSON.stringify(event, exactly)}\n`)),
    say: (line) => void process.stderr.write(`${line}\n`),
    next: (what, command) => {
      if (!process.stderr.isTTY || ['--quiet', '--json'].some((flag) => process.argv.includes(flag))) return
      const heading = styleText('bold', 'next:', { stream: process.stderr })
      context.say(`${heading} ${what}\n  ${command.map(shellWord).join(' ')}`)
    },
    exitWith: (code) => {
      exitCode = code
    },
  }
  const program = new Command(definition.name)
    .description(definition.description)
    .version(definition.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ helpWidth: Math.min(process.stdout.columns || 100, 100), sortSubcommands: false })
    .configureOutput({
      // Of several lines (`(Did you mean …?)`) one is made, as of every error.
      outputError: (text) => complain(definition, usageMessage(text), context),
    })
  definition.build(program, context)
  addCompletion(program, output.print)
  inheritSettings(program)

  const run = async (): Promise<number> => {
    try {
      await program.parseAsync(process.argv)
      return exitCode
    } catch (error) {
      return await fail(error)
    } finally {
      signals.release()
    }
  }
  const fail = async (error: unknown): Promise<number> => {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done
      await tellPrograms({ code: 'BAD_USAGE', message: usageMessage(error.message) }, context)
      return EXIT.usage
    }
    if (signals.received !== undefined) {
      const message = `stopped by ${signals.received}`
      complain(definition, message, context)
      await tellPrograms({ code: 'ABORTED', message }, context)
      return 128 + constants.signals[signals.received]
    }
    // What was piped into stdout fails with it.
    if (error === output.failure()) return exitCode
    await reportError(definition, error, context)
    return exitCodeFor(definition, error)
  }

  const code = await run()
  await output.print('')
  const failure = output.failure()
  // A reader that went away (`| head`) has what it wanted.
  if (failure === undefined || failure.code === 'EPIPE') return code
  complain(definition, `cannot write to stdout: ${errorMessage(failure)} [${failure.code}]`, context)
  return code === EXIT.done ? EXIT.failed : code
}

/** Subcommands get the parent's `exitOverride` and output settings, which commander does not pass on by itself. */
function inheritSettings(program: Command): void {
  // `(default: [])` and `(default: "")` say less than nothing in a help text.
  for (const option of program.options)
    if (option.defaultValue?.length === 0) option.defaultValueDescription = 'none'
  for (const command of program.commands) {
    command.copyInheritedSettings(program)
    inheritSettings(command)
  }
}

function exitCodeFor(definition: CliDefinition, error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && definition.usageCodes?.includes(code) ? EXIT.usage : EXIT.failed
}

async function reportError(definition: CliDefinition, error: unknown, context: CliContext): Promise<void> {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: object }
  const message = oneLine(errorMessage(error))
  complain(definition, typeof code === 'string' ? `${message} [${code}]` : message, context)
  if (process.env['OPS_DEBUG'] !== undefined && error instanceof Error) context.say(String(error.stack))
  const fallback = error instanceof UsageError ? 'BAD_USAGE' : 'UNKNOWN'
  await tellPrograms({ code: typeof code === 'string' ? code : fallback, message, details }, context)
}

/** With `--json` a failure is data too. */
async function tellPrograms(error: FailedOutput['error'], context: CliContext): Promise<void> {
  if (process.argv.includes('--json')) await context.printEvent<FailedOutput>({ event: 'failed', error })
}

function shellWord(text: string): string {
  return /^[\w%+,./:=@-]+$/.test(text) ? text : quote(printable(text))
}

function usageMessage(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
}

/** The one form of all errors: `program: what: detail [CODE]`. */
function complain({ name }: CliDefinition, message: string, context: CliContext): void {
  context.say(`${styleText('red', `${name}:`, { stream: process.stderr })} ${message}`)
}

interface TrappedSignals {
  readonly signal: AbortSignal
  readonly received: NodeJS.Signals | undefined
  release(): void
}

function trapSignals(): TrappedSignals {
  const controller = new AbortController()
  let received: NodeJS.Signals | undefined
  const onSignal = (name: NodeJS.Signals): void => {
    if (received !== undefined) process.exit(128 + constants.signals[name])
    received = name
    controller.abort(new Error(`stopped by ${name}`))
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    get received() {
      return received
    },
    release: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}

interface Output {
  readonly print: (text: string) => Promise<boolean>
  /** Why stdout cannot be written to any more. */
  readonly failure: () => NodeJS.ErrnoException | undefined
}

function watchOutput(): Output {
  let failure: NodeJS.ErrnoException | undefined
  process.stdout.on('error', (error) => {
    failure ??= error
  })
  return {
    failure: () => failure,
    print: (text) =>
      new Promise((resolve) => {
        if (failure !== undefined) return resolve(false)
        process.stdout.write(text, (error) => {
          failure ??= error ?? undefined
          resolve(failure === undefined)
        })
      }),
  }
}

/** A bigint as a JSON number, exact also beyond 2^53. */
function exactly(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(String(value)) : value
}

/** Node.js 22 has it, TypeScript's library not yet. */
const rawJson = (text: string): unknown =>
  (JSON as unknown as { rawJSON(json: string): unknown }).rawJSON(text)
