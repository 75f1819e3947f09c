import { createHash } from 'node:crypto'
import type { ObjectStore } from '@ops/object-store'
import { listBackups, type ListedBackup } from '@ops/pg-backup'
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

export interface SelectOptions {
  readonly store: ObjectStore
  /** @default 'main' */
  readonly cluster?: string
  readonly database: string
  readonly which: Which
  readonly signal?: AbortSignal
}

/** The backups to drill, the oldest first. Rejects with `VERIFY_BAD_OPTIONS` and as `listBackups` does. */
export async function selectBackups(options: SelectOptions): Promise<ListedBackup[]> {
  const { store, cluster = 'main', database, which, signal } = options
  const backups = await listBackups({ store, cluster, database, signal })
  if (which === 'latest') return backups.slice(-1)
  if (which === 'never-drilled') {
    const drilled = await Promise.all(backups.map((backup) => readRecord(store, backup, signal)))
    return backups.filter((_, index) => drilled[index] === undefined)
  }
  if ('id' in which) return backups.filter((backup) => backup.id === which.id)
  return sample(backups, which)
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
