import { formatBytes, formatCount, formatDuration } from '@ops/internal-cli'
import type { BackupMeasures } from '../backup-measures.ts'
import type { BackupProgress } from '../create-backup.ts'

type DumpProgress = Extract<BackupProgress, { phase: 'dump' }>

/** How much there is to do, judged by the last backup of the same database. */
export interface Estimate {
  /** The id of that backup. */
  readonly from: string
  readonly rawBytes: number
  /** At the rate so far; absent while there is none. */
  readonly remainingMs?: number
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

/** The progress of a dump as fields of the progress line, the most important one first. */
export function progressFields(
  progress: DumpProgress,
  expected: Estimate | undefined,
  elapsedMs: number,
): string[] {
  const { rawBytes, storedBytes, rows, tablesDone, tablesTotal, table } = progress
  return [
    ...(expected === undefined ? [] : [estimateField(rawBytes, expected)]),
    formatBytes(rawBytes),
    `${formatBytes((rawBytes / Math.max(elapsedMs, 1)) * 1000)}/s`,
    `${formatCount(rows)} rows`,
    [
      `table ${tablesDone}${tablesTotal === undefined ? '' : `/${tablesTotal}`}`,
      ...(table === undefined ? [] : [`${table.schema}.${table.name}`]),
    ].join(' '),
    `${formatBytes(storedBytes)} stored`,
    formatDuration(elapsedMs),
  ]
}

function estimateField(rawBytes: number, { rawBytes: total, remainingMs }: Estimate): string {
  const percent = `~${Math.floor((rawBytes / Math.max(total, 1)) * 100)} % of the last backup's size`
  return remainingMs === undefined ? percent : `${percent}, ~${formatDuration(remainingMs)} left`
}
