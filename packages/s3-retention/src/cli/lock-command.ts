import { formatCount, parseDurationMs, printable, UsageError, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import { keysOf } from '../deletion-note.ts'
import { explainDecision } from '../explain.ts'
import type { LockOutput } from '../json-output.ts'
import { planRetention, type RetentionDecision, type RetentionPlan } from '../plan.ts'
import { UNLIMITED } from '../policy.ts'
import type { RetentionItem } from '../retention-item.ts'
import { addStoreFlags, type StoreFlags } from './flags.ts'
import { openSession, type S3Session, type Session } from './session.ts'

interface LockFlags extends StoreFlags {
  for: number
  mode: 'governance' | 'compliance'
  apply?: boolean
}

/** One item, and until when all its objects are to be locked. */
interface ItemToLock {
  readonly item: RetentionItem
  readonly until: Date
}

export function addLock(program: Command, context: CliContext): void {
  const command = program
    .command('lock')
    .description('lock the newest good item of each group, or one item, by Object Lock')
    .argument('[key]', 'the folder of a backup set, or the key of an object')
  addStoreFlags(command)
    .addOption(
      new Option('--for <duration>', 'how long, counted from when the item was taken: 30d')
        .argParser(parseDurationMs)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--mode <mode>', 'nobody can shorten or lift a lock in compliance mode, not even root')
        .choices(['governance', 'compliance'])
        .default('governance'),
    )
    .addHelpText('after', '\nExample:\n  $ s3-retention lock --store s3://backups --for 30d --apply')
    .option('--apply', 'lock; without it nothing is changed')
    .action(async (key: string | undefined, flags: LockFlags) => await lockItems(key, flags, context))
}

async function lockItems(key: string | undefined, flags: LockFlags, context: CliContext): Promise<void> {
  await using session = await openSession(flags, context)
  const s3 = lockable(session)
  const { items } = await session.scan()
  const { now } = session
  // A policy that keeps everything tells what is good, group by group, the newest first.
  const plan = planRetention(items, { last: UNLIMITED }, { now, timeZone: flags.timeZone })
  const chosen = key === undefined ? newestGoodOf(plan) : [goodItem(plan, key, session)]
  const locks = withWhatTheyNeed(chosen, items, flags.for).filter(({ until }) => until > now)
  if (flags.apply === true) await setLocks(locks, s3, flags, context)
  await report(locks, flags, context)
}

function lockable({ s3, store }: Session): S3Session {
  if (s3 === undefined)
    throw new UsageError(`${store.url} cannot lock anything: Object Lock is a thing of S3 buckets`)
  if (s3.bucket.objectLock === 'off') {
    throw new UsageError(
      `the bucket ${s3.location.bucket} has no Object Lock; it is best switched on when a bucket is made`,
    )
  }
  return s3
}

/** What is dated in the future would be locked for longer than asked for, so it is not. */
function isLockable({ item, state }: RetentionDecision, plan: RetentionPlan): boolean {
  return state === 'good' && Date.parse(item.time) <= Date.parse(plan.now)
}

function newestGoodOf(plan: RetentionPlan): RetentionItem[] {
  const newest = new Map<string, RetentionItem>()
  for (const decision of plan.decisions) {
    const { item } = decision
    if (!newest.has(item.group) && isLockable(decision, plan)) newest.set(item.group, item)
  }
  return [...newest.values()]
}

function goodItem(plan: RetentionPlan, key: string, { store }: Session): RetentionItem {
  const decision = explainDecision(plan, key)?.decision
  if (decision === undefined)
    throw new UsageError(`there is no item "${key}" in ${store.url}; \`plan\` lists them all`)
  if (isLockable(decision, plan)) return decision.item
  const why = decision.problem ?? `it is dated in the future (${decision.item.time})`
  throw new UsageError(`${decision.item.id} is not locked, as ${why}`)
}

/** A lock on something is worth nothing when what it rests on can be deleted. */
function withWhatTheyNeed(
  chosen: readonly RetentionItem[],
  items: readonly RetentionItem[],
  forMs: number,
): ItemToLock[] {
  const byId = new Map(items.map((item) => [item.id, item]))
  const locks = new Map<string, ItemToLock>()
  for (const first of chosen) {
    const until = new Date(Date.parse(first.time) + forMs)
    const queue = [first]
    for (const item of queue) {
      const known = locks.get(item.id)
      if (known !== undefined && known.until >= until) continue
      locks.set(item.id, { item, until })
      queue.push(...(item.requires ?? []).flatMap((id) => byId.get(id) ?? []))
    }
  }
  return [...locks.values()]
}

async function setLocks(
  locks: readonly ItemToLock[],
  { tools, location }: S3Session,
  { mode }: LockFlags,
  { signal }: CliContext,
): Promise<void> {
  for (const { item, until } of locks) {
    const options = { mode: mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE', signal } as const
    await tools.lockUntil({ ...location, ...options, keys: keysOf(item), until })
  }
}

async function report(
  locks: readonly ItemToLock[],
  { apply, json, mode }: LockFlags,
  context: CliContext,
): Promise<void> {
  const found = locks.map(({ item, until }) => ({
    id: item.id,
    objects: keysOf(item).length,
    until: until.toISOString(),
    mode,
  }))
  if (json === true) await context.printJson<LockOutput>({ locked: apply === true, items: found })
  else {
    const lines = found.map(
      ({ id, objects, until }) =>
        `${apply === true ? 'locked' : 'to lock'}: ${id}: ${formatCount(objects)} objects until ${until}, ${mode}`,
    )
    await context.print(lines.length === 0 ? 'nothing to lock\n' : `${lines.map(printable).join('\n')}\n`)
  }
  if (apply !== true && found.length > 0) context.say('nothing was locked: `lock --apply` does that')
}
