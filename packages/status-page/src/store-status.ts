import type { ObjectStore } from '@ops/object-store'
import { isBackupError, listBackups, readManifest, type ListedBackup, type Manifest } from '@ops/pg-backup'
import { readRecord, type DrillSummary } from '@ops/restore-verify'
import {
  findGaps,
  formatPolicy,
  isRetentionError,
  planRetention,
  scanSets,
  type RetentionItem,
  type RetentionPolicy,
} from '@ops/s3-retention'
import type {
  CalendarDay,
  DatabaseStatus,
  Drill,
  Objectives,
  RetentionOutlook,
  SourceProblem,
  StoredBackup,
} from './status.ts'

export interface WatchedDatabase {
  readonly cluster: string
  readonly database: string
  /** @default none */
  readonly objectives?: Objectives
}

export interface ReadStoreStatusOptions {
  readonly store: ObjectStore
  /** Those that must be there; others that the store has come after them. */
  readonly databases: readonly WatchedDatabase[]
  /** @default none: nothing is said about retention, and the calendar has 30 days */
  readonly policy?: RetentionPolicy
  /** In whose days is counted; an IANA name. @default 'UTC' */
  readonly timeZone?: string
  /** When retention runs next, and whether that deletes. @default now, and it does not */
  readonly nextRetention?: { readonly at: Date; readonly isApplied: boolean }
  /** @default () => new Date() */
  readonly now?: () => Date
  readonly signal?: AbortSignal
}

/** What a store alone can say; the caller adds failures and what comes next. */
export interface StoreStatus {
  readonly databases: readonly DatabaseStatus[]
  readonly retention: RetentionOutlook | null
  readonly problems: readonly SourceProblem[]
}

/** Manifests read at a time. */
const CONCURRENCY = 8
const CALENDAR_DAYS = { min: 30, max: 92 } as const

/**
 * Reads what backups and drills left in a store: manifests, records of drills, and what the policy
 * makes of them. It reads every manifest: keep the result for a while. Rejects with `BACKUP_STORE_FAILED`
 * or `RETENTION_STORE_FAILED`.
 */
export async function readStoreStatus(options: ReadStoreStatusOptions): Promise<StoreStatus> {
  const { store, signal, policy, timeZone = 'UTC', now = () => new Date() } = options
  const listed = await listBackups({ store, signal })
  const problems: SourceProblem[] = []
  const read = await inTurns(listed, (backup) => readBackup(store, backup, problems, signal))
  const items = listed.length === 0 ? [] : (await scanSets({ store, signal })).items
  const days = calendarDays(policy)
  const gaps = findGaps(items, { now: now(), timeZone, period: 'day', periods: days.expected })
  const dateOf = dateIn(timeZone)
  const dates = lastDates(days.shown, dateOf(now()))
  const databases = watched(options.databases, listed).map(({ cluster, database, objectives = {} }) => {
    const backups = read.flatMap((each) =>
      each !== undefined && each.cluster === cluster && each.database === database ? [each.backup] : [],
    )
    const group = items.find(({ id }) => id === `${cluster}/logical/${database}/${backups.at(-1)?.id}`)?.group
    const runs = gaps.find((each) => each.group === group)?.runs ?? []
    const missing = (date: string): boolean => runs.some(({ from, to }) => from <= date && date <= to)
    const byDate = Map.groupBy(backups, ({ startedAt }) => dateOf(new Date(startedAt)))
    return {
      cluster,
      database,
      objectives,
      backups,
      calendar: dates.map((date) => dayOf(date, byDate.get(date) ?? [], missing(date))),
      failures: [],
    }
  })
  const retention = policy === undefined ? null : outlook(items, policy, options, problems)
  return { databases, retention, problems }
}

interface ReadBackup {
  readonly cluster: string
  readonly database: string
  readonly backup: StoredBackup
}

async function readBackup(
  store: ObjectStore,
  { cluster, database, id, startedAt }: ListedBackup,
  problems: SourceProblem[],
  signal: AbortSignal | undefined,
): Promise<ReadBackup | undefined> {
  try {
    const manifest = await readManifest({ store, backup: { cluster, database, id }, signal })
    const record = await readRecord(store, { cluster, database, id }, signal)
    const drill = record?.drills.at(-1)
    return {
      cluster,
      database,
      backup: { id, startedAt, ...amounts(manifest), drill: drill === undefined ? null : drillOf(drill) },
    }
  } catch (error) {
    // One that went away meanwhile is none; one that cannot be read is said, and the others are shown.
    if (!isBackupError(error) || error.code === 'BACKUP_STORE_FAILED') throw error
    if (error.code !== 'BACKUP_NOT_FOUND')
      problems.push({ source: `${cluster}/${database}`, message: error.message })
    return undefined
  }
}

function amounts(manifest: Manifest): Omit<StoredBackup, 'id' | 'startedAt' | 'drill'> {
  const { objects, tables, digest, startedAt, finishedAt, encryption } = manifest
  return {
    durationSeconds: Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000),
    rawBytes: sum(objects.map(({ rawBytes }) => rawBytes)),
    storedBytes: sum(objects.map(({ storedBytes }) => storedBytes)),
    rows: digest === null ? null : sum(tables.map(({ rows }) => rows)),
    encrypted: encryption !== null,
  }
}

function drillOf({ finishedAt, backupVerdict, durationMs, recoveryMs, differences }: DrillSummary): Drill {
  return {
    finishedAt,
    verdict: backupVerdict,
    durationSeconds: durationMs / 1000,
    recoverySeconds: recoveryMs === null ? null : recoveryMs / 1000,
    differences,
  }
}

/** Those that are asked for, then what the store has besides, each once. */
function watched(wanted: readonly WatchedDatabase[], listed: readonly ListedBackup[]): WatchedDatabase[] {
  const found = new Map<string, WatchedDatabase>()
  for (const each of [...wanted, ...listed]) {
    const name = JSON.stringify([each.cluster, each.database])
    if (!found.has(name)) found.set(name, each)
  }
  return [...found.values()].map((each) =>
    'id' in each ? { cluster: each.cluster, database: each.database } : each,
  )
}

/** How many days the calendar shows, and of how many of them the policy keeps one backup each. */
function calendarDays(policy: RetentionPolicy | undefined): { shown: number; expected: number } {
  const { min, max } = CALENDAR_DAYS
  if (policy === undefined) return { shown: min, expected: min }
  const counts = [policy.maxAgeDays ?? 0, policy.daily ?? 0].map((count) =>
    count < 0 ? max : Math.floor(count),
  )
  const expected = Math.min(Math.max(...counts, 1), max)
  return { shown: Math.max(expected, min), expected }
}

/** The last so many days, today included, the oldest first. */
function lastDates(count: number, today: string): string[] {
  return Array.from({ length: count }, (_, index) =>
    new Date(Date.parse(today) - (count - 1 - index) * 86_400_000).toISOString().slice(0, 10),
  )
}

function dayOf(date: string, backups: readonly StoredBackup[], isGap: boolean): CalendarDay {
  return { date, state: stateOfDay(backups, isGap), backups: backups.map(({ id }) => id) }
}

/** What is worst known of a day's backups. */
function stateOfDay(backups: readonly StoredBackup[], isGap: boolean): CalendarDay['state'] {
  const verdicts = new Set(backups.map(({ drill }) => drill?.verdict))
  if (verdicts.has('disproven')) return 'disproven'
  if (verdicts.has('proven')) return 'proven'
  if (backups.length > 0) return 'unproven'
  return isGap ? 'gap' : 'none'
}

/** `2026-11-21`: Sweden writes dates as ISO 8601 does. One format for all: to make it takes longer than to use it. */
function dateIn(timeZone: string): (time: Date) => string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone })
  return (time) => format.format(time)
}

function outlook(
  items: readonly RetentionItem[],
  policy: RetentionPolicy,
  options: ReadStoreStatusOptions,
  problems: SourceProblem[],
): RetentionOutlook | null {
  const { timeZone = 'UTC', now = () => new Date() } = options
  const { at, isApplied } = options.nextRetention ?? { at: now(), isApplied: false }
  try {
    const plan = planRetention(items, policy, { now: at, timeZone })
    return {
      at: at.toISOString(),
      policy: formatPolicy(policy),
      timeZone,
      isApplied,
      decisions: plan.decisions.map(({ item, keep, reasons, problem }) => ({
        group: item.group,
        item: item.id,
        time: new Date(item.time).toISOString(),
        bytes: item.bytes,
        keep,
        reasons,
        problem: problem ?? null,
      })),
      kept: plan.kept,
      removed: plan.removed,
      refused: plan.groups.flatMap(({ group, refused }) =>
        refused === undefined ? [] : [{ group, reason: refused }],
      ),
    }
  } catch (error) {
    if (!isRetentionError(error)) throw error
    problems.push({ source: 'retention', message: error.message })
    return null
  }
}

/** A few at a time, in the order in which they came. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      results[index] = await work(items[index]!)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return results
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0)
}
