import { setTimeout as sleep } from 'node:timers/promises'
import { isObjectStoreError, type ObjectStore } from '@ops/object-store'
import { BackupError, type BackupErrorDetails } from './backup-error.ts'
import { leaseFolder, type BackupRef } from './backup-set.ts'
import {
  CLAIM,
  leaseKey,
  listLease,
  newLeaseRecord,
  putLeaseStep,
  readLeaseRecord,
  RELEASED,
  type LeaseObject,
  type LeaseRecord,
} from './lease-record.ts'
import type { Logger } from './logger.ts'
import { toBackupError } from './store-failure.ts'

/** How runs for the same subject keep out of each other's way. */
export interface LeaseOptions {
  /** A run that has not renewed its lease for this long may be taken to be dead. @default 180000 */
  readonly ttlMs?: number
  /** How long to wait for the run that holds it. @default 0: fail at once */
  readonly waitMs?: number
  /** How far the clocks of two hosts may be apart: a lease expires so much later. @default 30000 */
  readonly clockSkewMs?: number
}

/** Who holds a lease, for people and programs. */
export interface LeaseHolder {
  readonly host?: string
  readonly pid?: number
  readonly backupId?: string
  /** ISO 8601. */
  readonly since: string
}

/** What is done by one at a time. */
export interface LeaseSubject {
  /** Where the objects of the lease lie, and nothing else; it ends with a slash. */
  readonly folder: string
  /** For messages: `backup of "app"`. */
  readonly name: string
  readonly backup?: BackupRef
}

/** The right to do something, as long as it lasts. */
export interface Lease extends AsyncDisposable {
  /** Aborts with the caller's reason, or with `BACKUP_LEASE_LOST`. */
  readonly signal: AbortSignal | undefined
  /** False where leases are switched off, or the store cannot hold them. */
  readonly isHeld: boolean
  /** Renews it, so that what follows at once is done under it. Rejects with `BACKUP_LEASE_LOST`. */
  confirm(): Promise<void>
}

/** Options of {@link acquireLease}. */
export interface AcquireLeaseOptions extends LeaseOptions {
  /** One with `putIfAbsent` (see its `capabilities`). */
  readonly store: ObjectStore
  /** What the turns are about: runs of one subject never overlap. */
  readonly subject: LeaseSubject
  /** @default () => new Date() */
  readonly now?: () => Date
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Told of what is worth knowing and no failure; silent by default. */
  readonly logger?: Logger
  /** Called again and again while another run is waited for. */
  readonly onWait?: (holder: LeaseHolder) => void
}

const DEFAULT_TTL_MS = 180_000
const DEFAULT_CLOCK_SKEW_MS = 30_000
const MOST_RACES = 50
/** A store that no longer answers must not keep a run from ending. */
const RELEASE_TIMEOUT_MS = 15_000

/** The last sign of life of a turn. */
interface LastStep extends LeaseObject {
  readonly record?: LeaseRecord
  readonly lastModified: Date
}

/**
 * Runs for one subject take numbered turns. Who claims the next number, by putting its object if it
 * is absent, has the next turn, and begins when the turn before is over: released or expired. All
 * objects are put once and never changed, so a run that was thought dead can spoil nothing: when it
 * renews its turn, it sees the higher number, and stops.
 *
 * Why never two run: one goes on only if it saw no higher number *after* it put its renewal, the next
 * begins only if it saw no renewal *after* it put its claim. Of the two, one sees the other.
 *
 * Expiry compares the clocks of two hosts, and allows for `clockSkewMs` between them. When they are
 * further apart, a run that lives may be taken for dead; it stops at its next renewal, which is due after a
 * third of the lease's time. A dead run whose clock was ahead keeps others out by as much, unless
 * they wait: who waits notices by its own clock that nothing is renewed.
 *
 * Rejects with `BACKUP_LEASE_HELD`, `BACKUP_STORE_FAILED` or the signal's reason.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { acquireLease } from '@ops/pg-backup'
 *
 * const subject = { folder: 'main/lease/reports/', name: 'reports of "main"' }
 * await using lease = await acquireLease({
 *   store: fileStore({ folder: '/backups' }),
 *   subject,
 *   waitMs: 60_000,
 * })
 * console.log(lease.isHeld) // until the end of this block nobody else has it
 * ```
 */
export async function acquireLease(options: AcquireLeaseOptions): Promise<Lease> {
  const { subject, signal, now = systemTime } = options
  const record = newLeaseRecord(subject.backup?.id, options.ttlMs ?? DEFAULT_TTL_MS, now())
  try {
    const isOver = observer(options)
    const claim = await claimTurn(options, record, isOver)
    const lease = holdTurn(options, record, claim.turn)
    try {
      await untilOver(options, claim, isOver)
      await forgetTurnsBefore(options, claim)
      lease.signal?.throwIfAborted()
      return lease
    } catch (error) {
      await lease[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    const doing = `taking the lease of the ${subject.name}`
    throw toBackupError(error, { doing, key: leaseKey(subject.folder, 0, CLAIM), signal })
  }
}

/** The lease that `createBackup` takes. */
export function backupLease(backup: BackupRef): LeaseSubject {
  const { cluster, database } = backup
  return { folder: leaseFolder(cluster, database), name: `backup of "${database}"`, backup }
}

function systemTime(): Date {
  return new Date()
}

/** What a run has where leases are switched off, or the store cannot hold them. */
export function noLease(signal: AbortSignal | undefined): Lease {
  const nothing = async (): Promise<void> => undefined
  return { signal, isHeld: false, confirm: nothing, [Symbol.asyncDispose]: nothing }
}

type IsOver = (step: LastStep) => boolean

interface Claim {
  readonly turn: number
  /** The step by which the turn before was seen to be over; `undefined` where there was none. */
  readonly overAt: string | undefined
  /** What was there after the claim was put. */
  readonly steps: readonly LeaseObject[]
}

/** Claims the number after the last turn's, once that one is over. */
async function claimTurn(options: AcquireLeaseOptions, record: LeaseRecord, isOver: IsOver): Promise<Claim> {
  const { store, subject, now = systemTime, signal } = options
  const { folder } = subject
  const waiting = patience(options)
  for (let races = 0; races < MOST_RACES;) {
    const last = await lastStep(options)
    if (last !== undefined && !isOver(last)) {
      await waiting(last)
      continue
    }
    const turn = (last?.turn ?? 0) + 1
    const key = leaseKey(folder, turn, CLAIM)
    races += 1
    if (!(await putLeaseStep(store, key, extended(record, now()), signal))) continue
    try {
      // The number may have been used up, and its objects removed, since we looked.
      const steps = await listLease(store, folder, signal)
      if (steps.every((each) => each.turn < turn || each.key === key))
        return { turn, overAt: last?.key, steps }
      await store.delete([key], { signal })
    } catch (error) {
      // Otherwise it keeps others out until it expires.
      await store.delete([key], { signal: AbortSignal.timeout(RELEASE_TIMEOUT_MS) }).catch(() => undefined)
      throw error
    }
  }
  const message = `${store.url} says that others took the lease of the ${subject.name} ${MOST_RACES} times, and does not show it; is it consistent?`
  throw new BackupError('BACKUP_STORE_FAILED', message, { details: detailsOf(subject) })
}

/** A run that was late, not dead, sees our number when it renews, and stops: that much it is given. */
async function untilOver(
  options: AcquireLeaseOptions,
  { turn, overAt, steps }: Claim,
  isOver: IsOver,
): Promise<void> {
  if (steps.findLast((each) => each.turn < turn)?.key === overAt) return
  for (;;) {
    const step = await lastStep(options, turn - 1)
    if (step === undefined || isOver(step)) return
    await pause(options)
  }
}

/** The last sign of life of the last turn, or of the turn that is named. */
async function lastStep(
  { store, subject, signal }: AcquireLeaseOptions,
  turn?: number,
): Promise<LastStep | undefined> {
  const steps = await listLease(store, subject.folder, signal)
  const last = steps.findLast((each) => turn === undefined || each.turn === turn)
  if (last === undefined) return undefined
  try {
    const read = await readLeaseRecord(store, last.key, signal)
    return read && { ...last, ...read }
  } catch (error) {
    if (isObjectStoreError(error) && error.code === 'STORE_NOT_FOUND') return undefined
    throw error
  }
}

/**
 * Whether a turn is over. What was not renewed in its whole time, as measured here while watching,
 * is over too, whatever the clock of its host said.
 */
function observer({ now = systemTime, clockSkewMs = DEFAULT_CLOCK_SKEW_MS }: AcquireLeaseOptions): IsOver {
  let watched = ''
  let since = performance.now()
  return ({ key, record, lastModified }) => {
    if (record?.isReleased === true) return true
    const ttlMs = record?.ttlMs ?? DEFAULT_TTL_MS
    const expiresAt = record === undefined ? lastModified.getTime() + ttlMs : Date.parse(record.expiresAt)
    if (now().getTime() > expiresAt + clockSkewMs) return true
    if (key !== watched) {
      watched = key
      since = performance.now()
    }
    return performance.now() - since > ttlMs + clockSkewMs
  }
}

/** Waits a little for the holder of a turn; rejects with `BACKUP_LEASE_HELD` when it was waited for long enough. */
function patience(options: AcquireLeaseOptions): (step: LastStep) => Promise<void> {
  const { subject, store, waitMs = 0, clockSkewMs = DEFAULT_CLOCK_SKEW_MS, onWait } = options
  const end = performance.now() + waitMs
  return async ({ record, lastModified }) => {
    const since = record?.acquiredAt ?? lastModified.toISOString()
    const holder = { host: record?.host, pid: record?.pid, backupId: record?.backupId, since }
    if (performance.now() >= end) {
      const who = record === undefined ? 'somebody' : `process ${record.pid} on ${record.host}`
      const expires = record === undefined ? '' : ` at ${after(record.expiresAt, clockSkewMs)}`
      throw new BackupError(
        'BACKUP_LEASE_HELD',
        `another ${subject.name} is under way: ${who} has held its lease in ${store.url} since ${since}; ` +
          `${waitMs > 0 ? `it was waited for for ${waitMs / 1000} s` : 'wait for it (--wait)'}, and if it was killed, its lease expires${expires}`,
        { details: { ...detailsOf(subject), holder } },
      )
    }
    onWait?.(holder)
    await pause(options)
  }
}

/** Looks again often in a short lease, at most every few seconds in a long one, and not all at once. */
async function pause({ ttlMs = DEFAULT_TTL_MS, signal }: AcquireLeaseOptions): Promise<void> {
  const milliseconds = Math.min(5000, ttlMs / 10) * (0.5 + Math.random())
  await sleep(milliseconds, undefined, { signal }).catch(() => signal?.throwIfAborted())
}

/** Renews the turn until it is released, or lost. */
function holdTurn(options: AcquireLeaseOptions, record: LeaseRecord, turn: number): Lease {
  const { store, subject, now = systemTime, signal, logger } = options
  const { folder } = subject
  const end = new AbortController()
  let steps = CLAIM
  let timer: NodeJS.Timeout | undefined
  let deadline: NodeJS.Timeout | undefined
  let renewing: Promise<void> = Promise.resolve()

  const lose = (why: string): void => end.abort(leaseLost(subject, why))
  const extendDeadline = (): void => {
    clearTimeout(deadline)
    deadline = setTimeout(() => lose(`it could not be renewed for ${record.ttlMs / 1000} s`), record.ttlMs)
  }
  /** Puts first and looks then: see {@link acquireLease}. */
  const renew = async (): Promise<void> => {
    const step = ++steps
    await putLeaseStep(store, leaseKey(folder, turn, step), extended(record, now()), end.signal)
    const all = await listLease(store, folder, end.signal)
    if (all.some((each) => each.turn > turn)) lose('another run took this one for dead and has taken over')
    end.signal.throwIfAborted()
    extendDeadline()
    const old = all.filter((each) => each.turn === turn && each.step > CLAIM && each.step < step)
    await store.delete(
      old.map(({ key }) => key),
      { signal: end.signal },
    )
  }
  const renewLater = (): void => {
    timer = setTimeout(() => {
      renewing = renew().then(renewLater, (error: unknown) => {
        if (end.signal.aborted) return
        logger?.info(
          { ...subject.backup, error },
          `the lease of the ${subject.name} could not be renewed yet`,
        )
        renewLater()
      })
    }, record.ttlMs / 3)
  }
  extendDeadline()
  renewLater()
  return {
    signal: signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
    isHeld: true,
    confirm: async () => {
      try {
        await renew()
      } catch (error) {
        signal?.throwIfAborted()
        throw end.signal.aborted ? end.signal.reason : leaseLost(subject, 'it could not be renewed', error)
      }
    },
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer)
      clearTimeout(deadline)
      end.abort(new Error('the lease is given back'))
      await renewing
      clearTimeout(timer)
      await release(options, record, turn, steps)
    },
  }
}

/** What cannot be released expires. */
async function release(
  { store, subject, now = systemTime, logger }: AcquireLeaseOptions,
  record: LeaseRecord,
  turn: number,
  lastOwnStep: number,
): Promise<void> {
  const { folder } = subject
  const signal = AbortSignal.timeout(RELEASE_TIMEOUT_MS)
  try {
    const released: LeaseRecord = { ...record, expiresAt: now().toISOString(), isReleased: true }
    await putLeaseStep(store, leaseKey(folder, turn, RELEASED), released, signal)
    const own = new Set([CLAIM, lastOwnStep].map((step) => leaseKey(folder, turn, step)))
    await store.delete([...own], { signal })
  } catch (error) {
    logger?.info(
      { ...subject.backup, error },
      `the lease of the ${subject.name} could not be released; it expires`,
    )
  }
}

/** The objects of the last turn have to stay, so that its number is not used again; earlier ones need not. */
async function forgetTurnsBefore(
  { store, signal }: AcquireLeaseOptions,
  { turn, steps }: Claim,
): Promise<void> {
  const earlier = steps.filter((each) => each.turn < turn)
  // A role that may not delete leaves them.
  await store.delete(
    earlier.map(({ key }) => key),
    { signal },
  )
}

function extended(record: LeaseRecord, at: Date): LeaseRecord {
  return { ...record, expiresAt: after(at.toISOString(), record.ttlMs) }
}

function after(time: string, milliseconds: number): string {
  return new Date(Date.parse(time) + milliseconds).toISOString()
}

function leaseLost(subject: LeaseSubject, why: string, cause?: unknown): BackupError {
  const consequence = subject.backup === undefined ? 'it was stopped' : 'nothing was published'
  return new BackupError(
    'BACKUP_LEASE_LOST',
    `the lease of the ${subject.name} was lost: ${why}; ${consequence}, run it again`,
    { details: detailsOf(subject), cause },
  )
}

function detailsOf({ backup }: LeaseSubject): BackupErrorDetails {
  return backup === undefined ? {} : { database: backup.database }
}
