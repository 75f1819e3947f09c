import { EXIT, printable, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import { checkMaxDelete, applyRetention, DEFAULT_MAX_DELETE_FRACTION, type ApplyResult } from '../apply.ts'
import type { ApplyOutput, PlanOutput } from '../json-output.ts'
import type { RetentionPlan } from '../plan.ts'
import { isRetentionError } from '../retention-error.ts'
import { addPolicyFlags, parsePercent, type PolicyFlags } from './flags.ts'
import { reportApplied, withApplyProgress } from './print-applied.ts'
import { renderGaps, renderPlan, warnOfBucket } from './print-plan.ts'
import { openSession, planInSession } from './session.ts'

interface ApplyFlags extends PolicyFlags {
  apply?: boolean
  maxDelete: number
  versions: 'mark' | 'purge'
}

export function addPlan(program: Command, context: CliContext): void {
  addPolicyFlags(program.command('plan').description('show what would be kept and removed, and why'))
    .addHelpText(
      'after',
      '\nExamples:\n  $ s3-retention plan --store file:///var/backups/postgres --policy daily=7,weekly=4,monthly=12\n  $ s3-retention plan --store s3://logs --objects --time-pattern %Y/%m/%d --policy "keep 90d"',
    )
    .action(
      async (flags: PolicyFlags) =>
        await showPlan({ ...flags, maxDelete: DEFAULT_MAX_DELETE_FRACTION, versions: 'mark' }, context),
    )
}

export function addApply(program: Command, context: CliContext): void {
  addPolicyFlags(program.command('apply').description('show the plan and, with --apply, carry it out'))
    .option('--apply', 'delete; without it nothing is changed')
    .option('--quiet', 'with --apply: say nothing unless something is wrong; for cron')
    .addOption(
      new Option('--max-delete <percent>', 'the largest share of all items that one run may delete')
        .argParser(parsePercent)
        .default(DEFAULT_MAX_DELETE_FRACTION, `${DEFAULT_MAX_DELETE_FRACTION * 100}%`),
    )
    .addOption(versionsOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ s3-retention apply --store file:///var/backups/postgres --policy "keep 30d" --apply\n  $ s3-retention apply --policy daily=7,weekly=4,monthly=12 --apply --quiet   # in a crontab',
    )
    .action(
      async (flags: ApplyFlags) =>
        await (flags.apply === true ? carryOut(flags, context) : showPlan(flags, context)),
    )
}

export function versionsOption(): Option {
  return new Option(
    '--versions <how>',
    'in a bucket that keeps versions: mark as deleted, or purge every version for good',
  )
    .choices(['mark', 'purge'])
    .default('mark')
}

async function showPlan(flags: ApplyFlags, context: CliContext): Promise<void> {
  await using session = await openSession(flags, context)
  const plan = await planInSession(session, flags, context)
  warnOfBucket(session.s3?.bucket, flags, context)
  if (flags.json === true) await context.printJson<PlanOutput>(plan)
  else await context.print(renderPlan(plan))
  warnOfCap(plan, flags.maxDelete, context)
  if (plan.removed.items > 0) context.say('nothing was deleted: `s3-retention apply --apply` does that')
  if (hasFindings(plan)) context.exitWith(EXIT.findings)
  if (plan.removed.items > 0) context.next('delete what is marked REMOVE', sameWith('--apply'))
  else nextIsCron(context)
}

async function carryOut(flags: ApplyFlags, context: CliContext): Promise<void> {
  await using session = await openSession(flags, context)
  const plan = await planInSession(session, flags, context)
  warnOfBucket(session.s3?.bucket, flags, context)
  if (flags.json !== true && flags.quiet !== true) await context.print(renderPlan(plan))
  const result = await withApplyProgress(flags, (onProgress) =>
    applyRetention(plan, {
      store: session.store,
      scan: session.scan,
      remover: session.remover(flags.versions),
      maxDeleteFraction: flags.maxDelete,
      signal: context.signal,
      onProgress,
    }),
  )
  if (flags.json === true) await context.printJson<ApplyOutput>({ plan, result })
  reportApplied(result, flags, context)
  if (flags.quiet === true) for (const line of findingsOf(plan)) context.say(line)
  if (hasFindings(plan) || hasSpared(result)) context.exitWith(EXIT.findings)
  nextIsCron(context)
}

function nextIsCron(context: CliContext): void {
  context.next('let cron do this after each backup; it says nothing unless something is wrong', [
    ...sameWith('--apply', '--quiet'),
  ])
}

/** What the user typed, as `apply`, with these flags. */
function sameWith(...flags: string[]): string[] {
  return ['s3-retention', 'apply', ...process.argv.slice(3).filter((arg) => !flags.includes(arg)), ...flags]
}

/** What a quiet run says of a plan: gaps, and groups that the policy would have emptied. */
function findingsOf({ gaps, groups }: RetentionPlan): string[] {
  return [
    ...renderGaps(gaps.filter(({ missing }) => missing > 0)),
    ...groups.flatMap(({ group, refused }) =>
      refused === undefined ? [] : [printable(`${group}: ${refused}; nothing of it is removed`)],
    ),
  ]
}

function warnOfCap(plan: RetentionPlan, maxDelete: number, context: CliContext): void {
  try {
    checkMaxDelete(plan, maxDelete)
  } catch (error) {
    if (!isRetentionError(error)) throw error
    context.say(`warning: \`apply --apply\` would refuse this: ${error.message} with --max-delete`)
  }
}

/** A gap, or a group that the policy would have emptied. */
function hasFindings(plan: RetentionPlan): boolean {
  return (
    plan.gaps.some(({ missing }) => missing > 0) || plan.groups.some(({ refused }) => refused !== undefined)
  )
}

/** What was to go and is still there, locks apart. */
function hasSpared({ items }: ApplyResult): boolean {
  return items.some(({ outcome }) => outcome === 'failed' || outcome === 'changed' || outcome === 'needed')
}
