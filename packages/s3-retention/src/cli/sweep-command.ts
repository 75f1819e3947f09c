import { EXIT, formatBytes, formatCount, printable, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { applyRetention } from '../apply.ts'
import type { SweepOutput, SweptLeftovers } from '../json-output.ts'
import { planRetention, type RetentionPlan } from '../plan.ts'
import { UNLIMITED } from '../policy.ts'
import { isRetentionError } from '../retention-error.ts'
import type { HiddenObject } from '../s3/hidden-objects.ts'
import type { KeyResult } from '../remove-keys.ts'
import { abortStaleUploads, findStaleUploads, type StaleUpload } from '../stale-uploads.ts'
import { addStoreFlags, type StoreFlags } from './flags.ts'
import { versionsOption } from './plan-command.ts'
import { reportApplied, withApplyProgress } from './print-applied.ts'
import { warnOfBucket } from './print-plan.ts'
import { openSession, type Session } from './session.ts'

interface SweepFlags extends StoreFlags {
  apply?: boolean
  versions: 'mark' | 'purge'
}

/** What nobody needs any more, and no policy decides on. */
interface Leftovers {
  /** Removes nothing but sets without a manifest; absent where there is no set at all. */
  readonly plan?: RetentionPlan
  readonly uploads: readonly StaleUpload[]
  readonly hidden: readonly HiddenObject[]
}

export function addSweep(program: Command, context: CliContext): void {
  addStoreFlags(
    program
      .command('sweep')
      .description('find leftovers older than the grace period and, with --apply, remove them'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ s3-retention sweep --store file:///var/backups/postgres\n  $ s3-retention sweep --store s3://backups --grace-hours 24 --versions purge --apply',
    )
    .option('--apply', 'remove them; without it nothing is changed')
    .addOption(versionsOption())
    .action(async (flags: SweepFlags) => await sweep(flags, context))
}

async function sweep(flags: SweepFlags, context: CliContext): Promise<void> {
  await using session = await openSession(flags, context)
  warnOfBucket(session.s3?.bucket, flags, context)
  const leftovers = await findLeftovers(session, flags, context)
  if (flags.json !== true) await context.print(render(leftovers))
  if (flags.apply !== true) {
    if (flags.json === true) await context.printJson<SweepOutput>(jsonOf(leftovers))
    context.say('nothing was removed: `sweep --apply` does that')
    return
  }
  const removed = await removeLeftovers(leftovers, session, flags, context)
  if (flags.json === true) await context.printJson<SweepOutput>({ ...jsonOf(leftovers), removed })
  const failures = [
    ...removed.uploads.filter(({ aborted }) => !aborted),
    ...removed.hidden.filter(({ outcome }) => outcome === 'failed'),
  ]
  for (const failure of failures)
    context.say(printable(`failed: ${failure.key}: ${'message' in failure ? failure.message : ''}`))
  if (failures.length > 0 || (removed.sets?.failures ?? 0) > 0) context.exitWith(EXIT.findings)
}

async function findLeftovers(
  session: Session,
  flags: SweepFlags,
  { signal }: CliContext,
): Promise<Leftovers> {
  const { store, now, s3 } = session
  const { prefix, graceHours } = flags
  const uploads = await findStaleUploads({
    store,
    prefix,
    now,
    graceHours,
    signal,
    ...(s3 === undefined
      ? {}
      : { newestPart: async (upload, aborted) => await s3.tools.newestPart(s3.location, upload, aborted) }),
  })
  const keepsVersions = s3?.bucket.versioning === 'on' || s3?.bucket.versioning === 'suspended'
  const hidden =
    s3 !== undefined && keepsVersions && flags.versions === 'purge'
      ? await s3.tools.findHiddenObjects({ ...s3.location, under: prefix, now, graceHours, signal })
      : []
  return { plan: flags.objects === true ? undefined : await planOrphans(session, flags), uploads, hidden }
}

async function planOrphans(
  session: Session,
  { timeZone, graceHours }: SweepFlags,
): Promise<RetentionPlan | undefined> {
  try {
    const { items } = await session.scan()
    return planRetention(items, { last: UNLIMITED }, { now: session.now, timeZone, graceHours })
  } catch (error) {
    if (isRetentionError(error) && error.code === 'RETENTION_NOTHING_FOUND') return undefined
    throw error
  }
}

async function removeLeftovers(
  leftovers: Leftovers,
  session: Session,
  flags: SweepFlags,
  context: CliContext,
): Promise<SweptLeftovers> {
  const { signal } = context
  const { store, scan, now, s3 } = session
  const { plan } = leftovers
  const sets =
    plan === undefined
      ? undefined
      : await withApplyProgress({}, (onProgress) =>
          applyRetention(plan, { store, scan, remover: session.remover(flags.versions), signal, onProgress }),
        )
  if (sets !== undefined) reportApplied(sets, {}, context)
  const uploads = await abortStaleUploads(store, leftovers.uploads, signal)
  let hidden: readonly KeyResult[] = []
  if (s3 !== undefined && leftovers.hidden.length > 0) {
    const keys = leftovers.hidden.map(({ key }) => key)
    const locks = await s3.tools.findVersionLocks(s3.location, keys, now, signal)
    for (const [key, { until }] of locks)
      context.say(printable(`locked: ${key}: ${until === undefined ? 'under legal hold' : `until ${until}`}`))
    hidden = await s3.tools.purgeKeys(
      s3.location,
      keys.filter((key) => !locks.has(key)),
      signal,
    )
  }
  const purged = hidden.filter(({ outcome }) => outcome === 'deleted').length
  context.say(
    `aborted ${formatCount(uploads.filter(({ aborted }) => aborted).length)} uploads, purged ${formatCount(purged)} hidden objects`,
  )
  return { ...(sets === undefined ? {} : { sets }), uploads, hidden }
}

function orphansOf({ plan }: Leftovers): RetentionPlan['decisions'] {
  return plan?.decisions.filter(({ keep }) => !keep) ?? []
}

function jsonOf(leftovers: Leftovers): SweepOutput {
  const { uploads, hidden } = leftovers
  return {
    orphans: orphansOf(leftovers).map(({ item, reasons }) => ({ id: item.id, bytes: item.bytes, reasons })),
    uploads,
    hidden,
  }
}

function render(leftovers: Leftovers): string {
  const lines = [
    ...orphansOf(leftovers).map(
      ({ item, reasons }) =>
        `set without a manifest: ${item.id} (${formatBytes(item.bytes)}): ${reasons.join(', ')}`,
    ),
    ...leftovers.uploads.map(
      ({ key, lastSeen }) => `unfinished upload: ${key}: nothing happened since ${lastSeen}`,
    ),
    ...leftovers.hidden.map(
      ({ key, versions, bytes, hiddenAt }) =>
        `hidden: ${key}: ${versions} versions (${formatBytes(bytes)}), deleted ${hiddenAt}`,
    ),
  ]
  return lines.length === 0 ? 'no leftovers\n' : `${lines.map(printable).join('\n')}\n`
}
