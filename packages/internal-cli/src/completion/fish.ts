import { allCommands, type CommandNode, type OptionNode, type ValueKind } from './command-tree.ts'

/** A completion script for fish. */
export function fishCompletion(program: string, root: CommandNode): string {
  const lines = allCommands(root).flatMap((command) => linesOf(program, command))
  return `# fish completion for ${program}; load it with:  ${program} completion fish | source
complete -c ${program} -f
${lines.join('\n')}
`
}

function linesOf(program: string, { path, commands, options, argument }: CommandNode): string[] {
  const here = seen(path)
  const names = commands.map((command) => command.path.at(-1)!)
  const beforeCommand = [
    ...here,
    ...(names.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names.join(' ')}`]),
  ]
  const complete = (conditions: readonly string[], rest: string): string =>
    `complete -c ${program}${conditions.length === 0 ? '' : ` -n ${quote(conditions.join('; and '))}`} ${rest}`
  return [
    ...commands.map((each) =>
      complete(beforeCommand, `-a ${quote(each.path.at(-1)!)} -d ${quote(each.description)}`),
    ),
    ...(argument === undefined || (argument.choices.length === 0 && !argument.isFile)
      ? []
      : [complete(beforeCommand, argument.isFile ? '-F' : `-a ${quote(argument.choices.join(' '))}`)]),
    ...options.map((option) => complete(beforeCommand, flags(option))),
  ]
}

function seen(path: readonly string[]): string[] {
  return path.map((word) => `__fish_seen_subcommand_from ${word}`)
}

function flags({ short, long, description, value }: OptionNode): string {
  return [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${long.slice(2)}`,
    ...(value === undefined ? [] : [valueFlags(value)]),
    `-d ${quote(description)}`,
  ].join(' ')
}

function valueFlags({ choices, isFile }: ValueKind): string {
  if (choices.length > 0) return `-x -a ${quote(choices.join(' '))}`
  return isFile ? '-r -F' : '-x'
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}
