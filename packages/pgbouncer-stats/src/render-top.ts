import { formatBytes, formatTable, type Column } from '@ops/internal-cli'
import type { Diagnosis } from './diagnose.ts'
import type { Snapshot } from './read-pgbouncer.ts'
import type { PoolRow, StatsTotalsRow } from './show-rows.ts'

export interface TopView {
  readonly now: Snapshot
  /** The snapshot before, for rates. */
  readonly before?: Snapshot
  readonly findings: readonly Diagnosis[]
  readonly width: number
  readonly height: number
}

const COLUMNS: readonly Column[] = [
  { header: 'database' },
  { header: 'user' },
  { header: 'cl act', align: 'right' },
  { header: 'cl wait', align: 'right' },
  { header: 'sv act', align: 'right' },
  { header: 'sv idle', align: 'right' },
  { header: 'size', align: 'right' },
  { header: 'max wait', align: 'right' },
  { header: 'xact/s', align: 'right' },
  { header: 'query ms', align: 'right' },
]

/** One screen: PgBouncer as a whole, what is wrong, and its pools, those that wait longest first. Pure. */
export function renderTop({ now, before, findings, width, height }: TopView): string {
  const list = (name: string): number => now.lists?.find((row) => row.list === name)?.items ?? 0
  const limit = now.config?.find(({ key }) => key === 'max_client_conn')?.value ?? '?'
  const traffic = totalTraffic(now, before)
  const head = [
    `PgBouncer ${now.version} at ${now.target}  ${now.takenAt.slice(11, 19)} UTC`,
    `clients ${list('used_clients')}/${limit}  servers ${list('used_servers')}  pools ${list('pools')}  in ${formatBytes(traffic.received)}/s  out ${formatBytes(traffic.sent)}/s`,
    ...findings
      .slice(0, 5)
      .map(({ severity, subject, message }) => `${severity === 'note' ? '·' : '!'} ${subject}: ${message}`),
    '',
  ]
  const pools = (now.pools ?? []).filter(({ database }) => database !== 'pgbouncer').toSorted(byUrgency)
  const room = Math.max(1, height - head.length - 2)
  const rows = pools.slice(0, room).map((pool) => poolCells(pool, now, before))
  const more = pools.length > room ? [`… and ${pools.length - room} more pools`] : []
  return [
    ...head.map((line) => clean(line).slice(0, width)),
    formatTable(COLUMNS, rows, width),
    ...more,
  ].join('\n')
}

function byUrgency(a: PoolRow, b: PoolRow): number {
  return (
    b.maxWaitSeconds - a.maxWaitSeconds ||
    b.clWaiting - a.clWaiting ||
    b.svActive - a.svActive ||
    b.clActive - a.clActive
  )
}

function poolCells(pool: PoolRow, now: Snapshot, before: Snapshot | undefined): string[] {
  const size = now.databases?.find(({ name }) => name === pool.database)?.poolSize
  const { perSecond, queryMs } = rates(pool.database, now, before)
  return [
    clean(pool.database),
    clean(pool.user),
    String(pool.clActive),
    String(pool.clWaiting),
    String(pool.svActive),
    String(pool.svIdle + pool.svUsed),
    size === undefined ? '' : String(size),
    pool.maxWaitSeconds > 0 ? `${pool.maxWaitSeconds.toFixed(2)} s` : '',
    perSecond,
    queryMs,
  ]
}

/** PgBouncer counts by database, so that the pools of one database show the same. */
function rates(
  database: string,
  now: Snapshot,
  before: Snapshot | undefined,
): { perSecond: string; queryMs: string } {
  const find = (snapshot: Snapshot | undefined): StatsTotalsRow | undefined =>
    snapshot?.statsTotals?.find((row) => row.database === database)
  const [current, earlier] = [find(now), find(before)]
  if (current === undefined || earlier === undefined) return { perSecond: '', queryMs: '' }
  const elapsed = elapsedSeconds(now, before)
  const queries = Number(current.queryCount) - Number(earlier.queryCount)
  const queryMs = queries > 0 ? ((current.queryTimeSeconds - earlier.queryTimeSeconds) / queries) * 1000 : 0
  return {
    perSecond: ((Number(current.xactCount) - Number(earlier.xactCount)) / elapsed).toFixed(1),
    queryMs: queries > 0 ? queryMs.toFixed(2) : '',
  }
}

function sum(snapshot: Snapshot, of: (row: StatsTotalsRow) => number): number {
  return (snapshot.statsTotals ?? []).reduce((total, row) => total + of(row), 0)
}

function totalTraffic(now: Snapshot, before: Snapshot | undefined): { received: number; sent: number } {
  if (before === undefined) return { received: 0, sent: 0 }
  const elapsed = elapsedSeconds(now, before)
  const rate = (of: (row: StatsTotalsRow) => number): number =>
    Math.max(0, Math.round((sum(now, of) - sum(before, of)) / elapsed))
  return { received: rate((row) => Number(row.bytesReceived)), sent: rate((row) => Number(row.bytesSent)) }
}

function elapsedSeconds(now: Snapshot, before: Snapshot | undefined): number {
  return Math.max(0.001, (Date.parse(now.takenAt) - Date.parse(before?.takenAt ?? now.takenAt)) / 1000)
}

/** A user's name may contain what a terminal obeys. */
function clean(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?')
}
