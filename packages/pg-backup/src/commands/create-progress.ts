import { formatBytes, formatCount, type Progress } from '@ops/internal-cli'
import type { ObjectStore } from '@ops/object-store'
import { newestReadable, type BackupMeasures } from '../backup-measures.ts'
import type { BackupProgress } from '../create-backup.ts'
import type { BackupAttempt, BackupHooks } from '../hooks.ts'
import type { CreateProgress, Estimate } from '../json-output.ts'
import { listBackups } from '../list-backups.ts'
import type { Output } from './output.ts'

type DumpProgress = Extract<BackupProgress, { phase: 'dump' }>

/** Shows how far backups are. */
interface BackupFollower {
  /** To be given to the backup. */
  readonly hooks: BackupHooks
  /** The progress of one backup; of several at a time it says of which database. */
  readonly show: (progress: BackupProgress & { readonly database?: string }) => void
}

/** Shows the backups of one command on its output, with an estimate of each by the last one of its database. */
export function followBackups(
  store: ObjectStore,
  output: Pick<Output<CreateProgress, object>, 'started' | 'progress'>,
  signal: AbortSignal,
): BackupFollower {
  const last = new Map<string, BackupMeasures | undefined>()
  const dumpsBegan = new Map<string, number>()
  let latest = ''
  return {
    hooks: {
      onStart: (attempt) => {
        latest = attempt.database
        output.started(attempt)
        // Beside the backup, which does not wait for it.
        void lastBackup(store, attempt, signal).then((found) => last.set(attempt.database, found))
      },
    },
    show: (progress) => {
      const { database: of } = progress
      if (progress.phase !== 'dump') return output.progress(progress, { of, doing: describePhase(progress) })
      const database = of ?? latest
      const began = dumpsBegan.get(database) ?? performance.now()
      dumpsBegan.set(database, began)
      const elapsedMs = Math.round(performance.now() - began)
      const expected = estimate(progress, last.get(database), elapsedMs)
      output.progress(
        { ...progress, elapsedMs, ...(expected && { estimate: expected }) },
        { of, ...describeDump(progress, expected) },
      )
    },
  }
}

/** A store that may be written to and not read gives no estimate. */
async function lastBackup(
  store: ObjectStore,
  { cluster, database }: BackupAttempt,
  signal: AbortSignal,
): Promise<BackupMeasures | undefined> {
  try {
    return await newestReadable(await listBackups({ store, cluster, database, signal }), { store, signal })
  } catch {
    return undefined
  }
}

function describePhase(progress: Exclude<BackupProgress, DumpProgress>): string {
  switch (progress.phase) {
    case 'wait':
      return `waiting for the backup by process ${progress.holder.pid} on ${progress.holder.host}`
    case 'retry':
      return `attempt ${progress.attempt} of ${progress.attempts} failed, the next follows`
    case 'publish':
      return `publishing ${formatBytes(progress.storedBytes)}`
    default:
      return 'connecting'
  }
}

/** The estimate for a dump that is so far; none when it has outgrown the last backup. */
export function estimate(
  { rawBytes }: DumpProgress,
  last: BackupMeasures | undefined,
  elapsedMs: number,
): Estimate | undefined {
  if (last === undefined || rawBytes > last.rawBytes) return undefined
  const remainingMs = Math.round(((last.rawBytes - rawBytes) / rawBytes) * elapsedMs)
  return { from: last.id, rawBytes: last.rawBytes, ...(rawBytes === 0 ? {} : { remainingMs }) }
}

/** A dump as the progress line shows it. */
export function describeDump(
  { rawBytes, storedBytes, rows, tablesDone, tablesTotal, table }: DumpProgress,
  expected: Estimate | undefined,
): Progress {
  return {
    doing: 'dumping',
    done: rawBytes,
    total: expected?.rawBytes,
    isEstimate: true,
    details: [
      `${formatCount(rows)} rows`,
      [
        `table ${tablesDone}${tablesTotal === undefined ? '' : `/${tablesTotal}`}`,
        ...(table === undefined ? [] : [`${table.schema}.${table.name}`]),
      ].join(' '),
      `${formatBytes(storedBytes)} stored`,
    ],
  }
}
