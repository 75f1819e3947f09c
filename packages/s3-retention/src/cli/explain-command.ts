import { formatBytes, printable, UsageError, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { explainDecision, type Explanation } from '../explain.ts'
import type { ExplainOutput } from '../json-output.ts'
import { addPolicyFlags, type PolicyFlags } from './flags.ts'
import { openSession, planInSession } from './session.ts'

export function addExplain(program: Command, context: CliContext): void {
  const command = program.command('explain').description('say why one item is kept or removed')
  command.argument('<key>', 'the folder of a backup set, or the key of an object')
  addPolicyFlags(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ s3-retention explain main/logical/app/20261121T020000Z-4fk2q9 --policy "keep 30d"',
    )
    .action(async (key: string, flags: PolicyFlags) => await explain(key, flags, context))
}

async function explain(key: string, flags: PolicyFlags, context: CliContext): Promise<void> {
  await using session = await openSession(flags, context)
  const plan = await planInSession(session, flags, context)
  const explanation = explainDecision(plan, key)
  if (explanation === undefined)
    throw new UsageError(`there is no item "${key}" in ${session.store.url}; \`plan\` lists them all`)
  if (flags.json === true) await context.printJson<ExplainOutput>(explanation)
  else await context.print(`${render(explanation).map(printable).join('\n')}\n`)
}

function render({ decision, place, groupItems, requiredBy }: Explanation): string[] {
  const { item, keep, state, reasons, problem } = decision
  const sources = {
    id: 'its id',
    manifest: 'its manifest',
    key: 'its key',
    lastModified: 'when it was stored',
  }
  return [
    `${item.id} is ${keep ? 'kept' : 'removed'}:`,
    ...reasons.map((reason) => `  - ${reason}`),
    `time: ${item.time}${item.timeSource === undefined ? '' : `, from ${sources[item.timeSource]}`}`,
    `size: ${formatBytes(item.bytes)}`,
    `group: ${item.group}, place ${place} of ${groupItems} from the newest`,
    `state: ${state}${problem === undefined ? '' : `, as ${problem}`}`,
    ...(item.requires ?? []).map((id) => `requires: ${id}`),
    ...requiredBy.map((id) => `required by: ${id}`),
  ]
}
