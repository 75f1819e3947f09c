import { allCommands, type CommandNode, type OptionNode, type ValueKind } from './command-tree.ts'
import { functionName, quote } from './shell-text.ts'

/** A completion script for zsh, for `source` or as a file `_<program>` in a folder of `$fpath`. */
export function zshCompletion(program: string, root: CommandNode): string {
  const name = functionName(program)
  return `#compdef ${program}
# zsh completion for ${program}; load it with:  source <(${program} completion zsh)
${allCommands(root)
  .map((command) => commandFunction(program, command))
  .join('\n')}
if [[ \${funcstack[1]} == _${program} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`
}

function commandFunction(program: string, { path, commands, options, argument }: CommandNode): string {
  const name = functionName(program, ...path)
  const specs = options.map((option) => quote(optionSpec(option)))
  if (commands.length === 0) {
    const positional = argument === undefined ? [] : [quote(`*:${escape(argument.name)}:${action(argument)}`)]
    return `${name}() {\n  _arguments ${[...specs, ...positional].join(' \\\n    ')}\n}`
  }
  const described = commands.map((each) => quote(`${each.path.at(-1)}:${escape(each.description)}`))
  const branches = commands.map(
    (each) => `        ${each.path.at(-1)}) ${functionName(program, ...each.path)} ;;`,
  )
  const first =
    argument?.isFile === true
      ? '_alternative "commands: :(($commands))" "files::_files"'
      : '_describe command commands'
  return `${name}() {
  local state line
  local -a commands=(
    ${described.join('\n    ')}
  )
  _arguments -C ${[...specs, quote('1:command:->command'), quote('*::argument:->argument')].join(' \\\n    ')}
  case $state in
    command) ${first} ;;
    argument)
      case $line[1] in
${branches.join('\n')}
${argument?.isFile === true ? '        *) _files ;;\n' : ''}      esac
      ;;
  esac
}`
}

function optionSpec({ short, long, description, value }: OptionNode): string {
  const tail = `[${escape(description)}]${value === undefined ? '' : `:${escape(value.name)}:${action(value)}`}`
  return short === undefined ? `${long}${tail}` : `(${short} ${long})${long}${tail}`
}

function action({ choices, isFile }: ValueKind): string {
  if (choices.length > 0) return `(${choices.join(' ')})`
  return isFile ? '_files' : ' '
}

/** In the specifications of \`_arguments\` and \`_describe\`. */
function escape(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, String.raw`\$&`)
}
