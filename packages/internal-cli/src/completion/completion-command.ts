import { Argument, type Command } from 'commander'
import { bashCompletion } from './bash.ts'
import { commandTree } from './command-tree.ts'
import { fishCompletion } from './fish.ts'
import { zshCompletion } from './zsh.ts'

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** Adds `completion <shell>`, which prints a script made from the program's own commands and options. */
export function addCompletion(program: Command, print: (text: string) => Promise<unknown>): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .addHelpText(
      'after',
      `
To load it:
  bash  source <(${program.name()} completion bash)                 # in ~/.bashrc
  zsh   source <(${program.name()} completion zsh)                  # in ~/.zshrc, after compinit
  fish  ${program.name()} completion fish | source                  # in ~/.config/fish/config.fish`,
    )
    .action(async (shell: keyof typeof SHELLS) => {
      await print(SHELLS[shell](program.name(), commandTree(program)))
    })
}
