import { allCommands, type CommandNode, type ValueKind } from './command-tree.ts'
import { functionName, quote } from './shell-text.ts'

/** A completion script for bash 3.2 and newer. */
export function bashCompletion(program: string, root: CommandNode): string {
  const name = functionName(program)
  const commands = allCommands(root)
  const withValue = commands.flatMap(({ options }) => options.filter(({ value }) => value !== undefined))
  return `# bash completion for ${program}; load it with:  source <(${program} completion bash)
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= words= at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
${caseOf(unique(withValue.map(({ long }) => long)), '((at++))', 6)}
    esac
    case "$command \${COMP_WORDS[at]}" in
${caseOf(
  commands.slice(1).map(({ path }) => ` ${path.join(' ')}`),
  'command="$command ${COMP_WORDS[at]}"',
  6,
)}
    esac
  done
  case "$command $previous" in
${commands
  .flatMap(({ path, options }) =>
    options.flatMap(({ long, value }) =>
      value === undefined ? [] : caseOf([key([...path, long])], `${offer(value)}; return`, 4),
    ),
  )
  .join('\n')}
  esac
  case $command in
${commands.map((command) => caseOf([key(command.path)], offersOf(command), 4)).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F ${name} ${program}
`
}

/** Commands first; options when asked for, or where there is nothing else. */
function offersOf({ commands, options, argument }: CommandNode): string {
  const others = [...commands.map(({ path }) => path.at(-1)!), ...(argument?.choices ?? [])]
  const flags = quote(options.map(({ long }) => long).join(' '))
  if (argument?.isFile === true)
    return `if [[ $current == -* ]]; then words=${flags}; else ${FILES}; return; fi`
  if (others.length === 0) return `words=${flags}`
  return `if [[ $current == -* ]]; then words=${flags}; else words=${quote(others.join(' '))}; fi`
}

const FILES = 'compopt -o default 2>/dev/null'

function offer({ choices, isFile }: ValueKind): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W ${quote(choices.join(' '))} -- "$current"))`
  return isFile ? FILES : ':'
}

function key(words: readonly string[]): string {
  return words.map((word) => ` ${word}`).join('')
}

function caseOf(patterns: readonly string[], action: string, indent: number): string {
  if (patterns.length === 0) return ''
  return `${' '.repeat(indent)}${patterns.map(quote).join(' | ')}) ${action} ;;`
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)]
}
