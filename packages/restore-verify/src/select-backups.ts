import { createHash } from 'node:crypto'
import type { ObjectStore } from '@ops/object-store'
import { findBackup, listBackups, type ListedBackup } from '@ops/pg-backup'
import { readRecord } from './record.ts'
import { RestoreVerifyError } from './restore-verify-error.ts'

/** Which of a database's backups to drill. */
export type Which =
  | 'latest'
  /** All without a record of a drill. */
  | 'never-drilled'
  | { readonly id: string }
  /** One of every so many days, over everything that is kept; the same seed always picks the same ones. */
  | { readonly everyDays: number; readonly seed: string }

const DAY_MS = 86_400_000

/** Options of {@link selectBackups}. */
export interface SelectOptions {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** @default 'main' */
  readonly cluster?: string
  /** The database that was backed up. */
  readonly database: string
  /** One backup, those never drilled, or a sample. */
  readonly which: Which
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * The backups to drill, the oldest first; none only when all were drilled. Rejects with
 * `VERIFY_BAD_OPTIONS`, and with `BACKUP_NOT_FOUND` where there is no such backup, or none at all.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { selectBackups } from '@ops/restore-verify'
 *
 * const store = fileStore({ folder: '/backups' })
 * const undrilled = await selectBackups({ store, database: 'app', which: 'never-drilled' })
 * console.log(undrilled.map(({ id }) => id))
 * ```
 */
export async function selectBackups(options: SelectOptions): Promise<ListedBackup[]> {
  const { store, cluster = 'main', database, which, signal } = options
  const find = (id: string): Promise<ListedBackup> => findBackup({ store, cluster, database, id, signal })
  if (which === 'latest') return [await find('latest')]
  if (typeof which === 'object' && 'id' in which) return [await find(which.id)]
  const backups = await listBackups({ store, cluster, database, signal })
  if (backups.length === 0) return [await find('latest')]
  if (which !== 'never-drilled') return sample(backups, which)
  const fresh: ListedBackup[] = []
  for (const backup of backups) {
    if ((await readRecord(store, backup, signal)) === undefined) fresh.push(backup)
  }
  return fresh
}

/** Pure: time is cut into windows of so many days since 1970, and the seed picks one backup of each. */
export function sample(
  backups: readonly ListedBackup[],
  { everyDays, seed }: { readonly everyDays: number; readonly seed: string },
): ListedBackup[] {
  if (!Number.isInteger(everyDays) || everyDays < 1) {
    throw new RestoreVerifyError(
      'VERIFY_BAD_OPTIONS',
      `a sample takes one backup of every so many days: "${everyDays}" is not a whole number of 1 or more`,
    )
  }
  const windows = Map.groupBy(backups, ({ startedAt }) =>
    Math.floor(Date.parse(startedAt) / DAY_MS / everyDays),
  )
  const weight = ({ id }: ListedBackup): string => createHash('sha256').update(`${seed}\0${id}`).digest('hex')
  return [...windows.values()].map(
    (members) => members.toSorted((a, b) => (weight(a) < weight(b) ? -1 : 1))[0]!,
  )
}
