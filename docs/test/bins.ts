import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const packaged = [
  'pg-backup',
  'restore-verify',
  's3-retention',
  'pgbouncer-stats',
  'pgbouncer-audit',
  'cert-probe',
]
const own = (path: string): string => fileURLToPath(new URL(`../../${path}/dist/cli.js`, import.meta.url))

/** Our commands, and the built program behind each. */
export const BINS: ReadonlyMap<string, string> = new Map([
  ...packaged.map((name) => [name, own(`packages/${name}`)] as const),
  ['ops-worker', own('examples/ops-worker')],
])

/** What `--help` says that there is. */
export interface CommandHelp {
  /** `--name`, of this command and of those above it. */
  readonly options: ReadonlySet<string>
  readonly commands: ReadonlyMap<string, CommandHelp>
  /** Whether words that are no commands may follow. */
  readonly takesArguments: boolean
}

/** Asks a program of ours, and each of its commands, for its help. */
export async function readHelp(bin: string, path: readonly string[] = []): Promise<CommandHelp> {
  const { stdout } = await promisify(execFile)(process.execPath, [BINS.get(bin)!, ...path, '--help'])
  const [, usage] = /^Usage: (.*)$/m.exec(stdout)!
  const options = Array.from(stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z][a-z-]*)/gm), ([, name]) => name!)
  const [, listed = ''] = /^Commands:\n(.*?)(?:\n\n|$(?![^]))/ms.exec(stdout) ?? []
  const names = Array.from(listed.matchAll(/^ {2}([a-z][a-z-]*)/gm), ([, name]) => name!)
  const commands = await Promise.all(
    names
      .filter((name) => name !== 'help')
      .map(async (name) => [name, await readHelp(bin, [...path, name])] as const),
  )
  return {
    options: new Set(options),
    commands: new Map(commands),
    takesArguments: /[<[](?!options|command)/.test(usage!),
  }
}

/** What is wrong with a command line of ours, whose first word is the program; nothing if it could be run. */
export function mistakesIn(words: readonly string[], help: ReadonlyMap<string, CommandHelp>): string[] {
  const [bin, ...rest] = words
  let command = help.get(bin!)!
  const mistakes: string[] = []
  for (const written of rest) {
    const [word] = written.split('|') as [string] // `write|check`: either
    if (/^<[a-z]+>$/.test(word)) continue // whatever it stands for
    const below = command.commands.get(word)
    if (below !== undefined) command = { ...below, options: new Set([...command.options, ...below.options]) }
    else if (word.startsWith('--') && !command.options.has(word.split('=')[0]!)) mistakes.push(word)
    else if (!word.startsWith('-') && command.commands.size > 0 && !command.takesArguments)
      mistakes.push(word)
  }
  return mistakes
}
