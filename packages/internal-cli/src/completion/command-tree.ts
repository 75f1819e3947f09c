import type { Argument, Command, Option } from 'commander'

/** What can stand in one place of a command line. */
export interface ValueKind {
  readonly name: string
  readonly choices: readonly string[]
  readonly isFile: boolean
}

export interface OptionNode {
  /** `-V`, where there is one. */
  readonly short?: string
  readonly long: string
  readonly description: string
  /** `undefined` for an option without a value. */
  readonly value?: ValueKind
}

/** A command as completion sees it, with the commands below it. */
export interface CommandNode {
  /** The words that lead to it, the program's name left out: `[]`, `['config', 'lint']`. */
  readonly path: readonly string[]
  readonly description: string
  readonly commands: readonly CommandNode[]
  readonly options: readonly OptionNode[]
  /** Of its first argument. */
  readonly argument?: ValueKind
}

/** What `--help` shows of a program, as a tree. */
export function commandTree(command: Command, path: readonly string[] = []): CommandNode {
  const help = command.createHelp()
  const [argument] = command.registeredArguments
  return {
    path,
    description: firstLine(help.subcommandDescription(command)),
    commands: help.visibleCommands(command).map((each) => commandTree(each, [...path, each.name()])),
    options: help
      .visibleOptions(command)
      .flatMap((option) => optionNode(option, help.optionDescription(option))),
    ...(argument === undefined ? {} : { argument: valueKind(argument, argument.name()) }),
  }
}

/** All commands of a tree, the root first. */
export function allCommands(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)]
}

function optionNode(option: Option, description: string): OptionNode[] {
  if (option.long === undefined || option.long === null) return []
  const takesValue = option.required || option.optional
  return [
    {
      ...(typeof option.short === 'string' ? { short: option.short } : {}),
      long: option.long,
      description: firstLine(description),
      ...(takesValue
        ? { value: valueKind(option, /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(option.flags)![1]!) }
        : {}),
    },
  ]
}

function valueKind({ argChoices }: Pick<Option | Argument, 'argChoices'>, name: string): ValueKind {
  return { name, choices: argChoices ?? [], isFile: /file|path|folder/.test(name) }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}
