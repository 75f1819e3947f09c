import { createProgressLine, type CliContext, type Progress } from '@ops/internal-cli'
import { openStore, type ObjectStore, type OpenedStore, type S3Access } from '@ops/object-store'
import { withLocks } from '../item-locks.ts'
import { planRetention, type RetentionPlan } from '../plan.ts'
import { parsePolicy } from '../policy-text.ts'
import { storeRemover, type Remover } from '../remove-keys.ts'
import { scanObjects } from '../scan-objects.ts'
import { scanSets } from '../scan-sets.ts'
import type { Scan, ScanProgress } from '../scan.ts'
import type { BucketFacts } from '../s3/inspect-bucket.ts'
import { gapWindow, groupExpression, type PolicyFlags, type StoreFlags } from './flags.ts'

/** What only a store on S3 has. */
export interface S3Session {
  /** Loaded only here, so that a folder needs no AWS SDK. */
  readonly tools: typeof import('../s3.ts')
  readonly location: S3Access
  readonly bucket: BucketFacts
}

/** One run of a command on one store. */
export interface Session extends AsyncDisposable {
  readonly store: OpenedStore
  readonly s3?: S3Session
  readonly now: Date
  /** Looks through the store; may be called again. */
  readonly scan: () => Promise<Scan>
  readonly remover: (versions: 'mark' | 'purge') => Remover
}

export async function openSession(flags: StoreFlags, context: CliContext): Promise<Session> {
  const groupBy = groupExpression(flags)
  const { signal } = context
  const store = await openStore(flags.store, { env: context.env })
  try {
    const s3 = store.s3 === undefined ? undefined : await openS3(store.s3, flags, signal)
    return {
      store,
      ...(s3 === undefined ? {} : { s3 }),
      now: new Date(),
      scan: async () =>
        await withProgress(flags, (onProgress) => scan(store, flags, { groupBy, signal, onProgress })),
      remover: (versions) => removerOf(store, s3, versions),
      [Symbol.asyncDispose]: async () => await store[Symbol.asyncDispose](),
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function openS3(
  location: S3Access,
  { prefix, graceHours }: StoreFlags,
  signal: AbortSignal,
): Promise<S3Session> {
  const tools = await import('../s3.ts')
  const whole = [location.prefix, prefix].filter((part) => part !== '').join('/')
  return {
    tools,
    location,
    bucket: await tools.inspectBucket({ ...location, prefix: whole, graceHours, signal }),
  }
}

function removerOf(store: ObjectStore, s3: S3Session | undefined, versions: 'mark' | 'purge'): Remover {
  const plain = storeRemover(store)
  if (s3 === undefined || (s3.bucket.versioning === 'off' && s3.bucket.objectLock === 'off')) return plain
  return s3.tools.s3Remover({ ...s3.location, versions, plain: plain.remove })
}

/** Plans; then, where objects can be locked, asks for the locks on what would be removed, and plans again with them. */
export async function planInSession(
  session: Session,
  flags: PolicyFlags,
  context: CliContext,
): Promise<RetentionPlan> {
  // First what the user wrote, as a wrong policy is found without a request.
  const policy = parsePolicy(flags.policy)
  const gaps = gapWindow(flags)
  const options = {
    now: session.now,
    timeZone: flags.timeZone,
    graceHours: flags.graceHours,
    retiredAfterDays: flags.retiredAfterDays,
    gaps,
  }
  const { items } = await session.scan()
  const plan = planRetention(items, policy, options)
  const { findLocks } = session.s3?.bucket.objectLock === 'on' ? session.remover('mark') : {}
  if (findLocks === undefined || plan.removed.items === 0) return plan
  const removed = plan.decisions.filter(({ keep }) => !keep).map(({ item }) => item)
  return planRetention(await withLocks(items, removed, findLocks, context.signal), policy, options)
}

async function scan(
  store: ObjectStore,
  flags: StoreFlags,
  {
    groupBy,
    signal,
    onProgress,
  }: { groupBy?: RegExp; signal: AbortSignal; onProgress: (progress: ScanProgress) => void },
): Promise<Scan> {
  const { prefix, timePattern, timeZone } = flags
  return flags.objects === true
    ? await scanObjects({ store, prefix, groupBy, timePattern, timeZone, signal, onProgress })
    : await scanSets({ store, prefix, signal, onProgress })
}

async function withProgress<Result>(
  { quiet = false }: { readonly quiet?: boolean },
  work: (onProgress: (progress: ScanProgress) => void) => Promise<Result>,
): Promise<Result> {
  const line = quiet ? undefined : createProgressLine()
  try {
    return await work((progress) => line?.update(describe(progress)))
  } finally {
    line?.clear()
  }
}

function describe(progress: ScanProgress): Progress {
  return progress.phase === 'listing'
    ? { doing: 'listing', done: progress.objects, unit: 'objects' }
    : { doing: 'reading', done: progress.manifests, total: progress.total, unit: 'manifests' }
}
