import { EXIT, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import { findGaps, gapWindowOf } from '../gaps.ts'
import type { GapsOutput } from '../json-output.ts'
import { parsePolicy } from '../policy-text.ts'
import { createZoneClock } from '../zone-clock.ts'
import { addGapFlags, addStoreFlags, gapWindow, type GapFlags, type StoreFlags } from './flags.ts'
import { renderGaps } from './print-plan.ts'
import { openSession } from './session.ts'

interface GapsFlags extends StoreFlags, GapFlags {
  policy?: string
}

export function addGaps(program: Command, context: CliContext): void {
  const command = program.command('gaps').description('find days, or other periods, without a good item')
  command.addOption(
    new Option('--policy <policy>', 'look as far back as this promises').env('OPS_RETENTION_POLICY'),
  )
  addGapFlags(addStoreFlags(command))
    .addHelpText(
      'after',
      '\nExamples:\n  $ s3-retention gaps --store file:///var/backups/postgres\n  $ s3-retention gaps --store file:///var/backups/postgres --gap-period week --gap-periods 12',
    )
    .action(async (flags: GapsFlags) => await showGaps(flags, context))
}

async function showGaps(flags: GapsFlags, context: CliContext): Promise<void> {
  const clock = createZoneClock(flags.timeZone)
  const policy = parsePolicy(flags.policy ?? 'keep 7d')
  const chosen = gapWindow(flags)
  await using session = await openSession(flags, context)
  const { items } = await session.scan()
  const window = chosen ?? gapWindowOf(policy, session.now.getTime(), clock)
  const { timeZone, retiredAfterDays } = flags
  const gaps = findGaps(items, { ...window, now: session.now, timeZone, retiredAfterDays })
  const missing = gaps.reduce((sum, group) => sum + group.missing, 0)
  if (flags.json === true) await context.printJson<GapsOutput>(gaps)
  else {
    const none =
      missing > 0 ? [] : [`no gap: every ${window.period} of the last ${window.periods} has a good item`]
    await context.print(`${[...renderGaps(gaps), ...none].join('\n')}\n`)
  }
  if (missing > 0) context.exitWith(EXIT.findings)
}
