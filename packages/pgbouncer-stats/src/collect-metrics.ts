import { errorMessage } from '@ops/internal-error'
import type { ConsoleResult, PgBouncerConsole } from './console.ts'
import { isPgBouncerStatsError } from './error.ts'
import {
  createFamilyBuilder,
  labelSet,
  NO_LABELS,
  type FamilyBuilder,
  type MetricFamily,
} from './metric-family.ts'
import {
  CONFIG_MAP,
  DATABASES_MAP,
  LISTS_MAP,
  POOLS_MAP,
  STATS_MAP_0_10,
  STATS_MAP_0_12,
  type ColumnMetric,
  type TableMap,
} from './metric-map.ts'
import { addClients, addClientUtilization, addPoolDetails } from './extra-metrics.ts'
import { labelledTable, type LabelledTable } from './labelled-table.ts'
import { createRowFilter, type RowFilterOptions } from './row-filter.ts'

/** Which version of prometheus-community's exporter the names are of. */
export type Compat = '0.10' | '0.12' | 'both'

/** Options of {@link collectMetrics}. */
export interface CollectOptions extends RowFilterOptions {
  /**
   * Whose names for the statistics: `pgbouncer_stats_…` of prometheus-community's 0.10, or
   * `pgbouncer_stats_totals_…` of 0.12. @default 'both'
   */
  readonly compat?: Compat
  /**
   * Clients by application: this many applications by name, with the most clients, and the rest as
   * `application_name="(other)"`. 0 leaves the metric out. @default 0
   */
  readonly applicationsTop?: number
  /**
   * `pgbouncer_client_connections` of 0.12, one series for each database, user, application and
   * state. It has no bound but the number of clients. @default true unless compat is '0.10'
   */
  readonly clientConnections?: boolean
  /** For everything together; what is not read by then counts as failed. @default 5000 */
  readonly timeoutMs?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

type Answers = ReadonlyMap<string, ConsoleResult>

interface CommandFailure {
  readonly command: string
  readonly reason: string
  readonly message: string
}

/** One scrape. */
export interface Collected {
  readonly families: readonly MetricFamily[]
  readonly up: boolean
  /** Why it is not up: the first failure. */
  readonly reason?: string
}

/**
 * Reads PgBouncer and gives its metrics. Never rejects but for an abort: what fails shows as
 * `pgbouncer_up 0` and `pgbouncer_command_up 0` with the reason, and the rest is given all the same.
 *
 * @example
 * ```ts
 * import { collectMetrics, openConsole, parseConnectionUrl, renderText } from '@ops/pgbouncer-stats'
 *
 * await using console_ = openConsole(parseConnectionUrl('postgres://stats@localhost:6432/pgbouncer'))
 * const { families, up, reason } = await collectMetrics(console_, { compat: '0.12' })
 * console.log(up ? renderText(families) : reason)
 * ```
 */
export async function collectMetrics(
  console_: PgBouncerConsole,
  options: CollectOptions = {},
): Promise<Collected> {
  const startedAt = performance.now()
  const builder = createFamilyBuilder()
  const { answers, failures } = await askAll(console_, commandsFor(options), options)
  const keep = createRowFilter(options)

  addVersion(builder, answers)
  addLists(builder, answers.get('SHOW LISTS'), LISTS_MAP)
  addLists(builder, answers.get('SHOW CONFIG'), CONFIG_MAP)
  let dropped = 0
  for (const map of tablesFor(options)) {
    const answer = answers.get(map.command)
    if (answer === undefined) continue
    const kept = keep(answer)
    const table = labelledTable(map.labels, kept)
    addTable(builder, map.metrics, table)
    if (map === POOLS_MAP) addPoolDetails(builder, table, answers.get('SHOW DATABASES'))
    dropped += kept.rows.length - table.rows.length
  }
  addClientUtilization(builder, answers)
  addClients(builder, answers.get('SHOW CLIENTS'), keep, {
    clientConnections: countsClients(options),
    applicationsTop: options.applicationsTop ?? 0,
  })
  addHealth(builder, commandsFor(options), failures, dropped)
  builder.add(
    'pgbouncer_scrape_duration_seconds',
    'gauge',
    'How long it took to read PgBouncer.',
    NO_LABELS,
    (performance.now() - startedAt) / 1000,
  )
  const [first] = failures
  return {
    families: builder.families(),
    up: first === undefined,
    ...(first === undefined ? {} : { reason: first.message }),
  }
}

const STATS_MAPS: Record<Compat, readonly TableMap[]> = {
  '0.10': [STATS_MAP_0_10],
  '0.12': [STATS_MAP_0_12],
  both: [STATS_MAP_0_10, STATS_MAP_0_12],
}

function tablesFor({ compat = 'both' }: CollectOptions): readonly TableMap[] {
  return [POOLS_MAP, DATABASES_MAP, ...STATS_MAPS[compat]]
}

function countsClients({ compat = 'both', clientConnections = compat !== '0.10' }: CollectOptions): boolean {
  return clientConnections
}

function commandsFor(options: CollectOptions): string[] {
  const tables = tablesFor(options).map(({ command }) => command)
  const clients = countsClients(options) || (options.applicationsTop ?? 0) > 0 ? ['SHOW CLIENTS'] : []
  return ['SHOW VERSION', 'SHOW LISTS', 'SHOW CONFIG', ...tables, ...clients]
}

/** One after the other: the console answers one at a time, and after the deadline nothing is asked any more. */
async function askAll(
  console_: PgBouncerConsole,
  commands: readonly string[],
  { timeoutMs = 5000, signal }: CollectOptions,
): Promise<{ answers: Answers; failures: CommandFailure[] }> {
  const answers = new Map<string, ConsoleResult>()
  const failures: CommandFailure[] = []
  const deadline = performance.now() + timeoutMs
  for (const command of commands) {
    const leftMs = deadline - performance.now()
    const lost = failures.find(
      ({ reason }) => reason !== 'PGBOUNCER_COMMAND_FAILED' && reason !== 'PGBOUNCER_NOT_ALLOWED',
    )
    if (lost !== undefined || leftMs < 1) {
      failures.push({
        command,
        reason: lost?.reason ?? 'PGBOUNCER_TIMEOUT',
        message: lost?.message ?? 'no time was left',
      })
      continue
    }
    try {
      answers.set(
        command,
        await console_.query(command, {
          timeoutMs: Math.ceil(leftMs),
          ...(signal === undefined ? {} : { signal }),
        }),
      )
    } catch (error) {
      if (signal?.aborted === true) throw error
      const reason = isPgBouncerStatsError(error) ? error.code : 'PGBOUNCER_COMMAND_FAILED'
      failures.push({ command, reason, message: errorMessage(error) })
    }
  }
  return { answers, failures }
}

function addVersion(builder: FamilyBuilder, answers: Answers): void {
  const version = answers.get('SHOW VERSION')?.rows[0]?.[0]
  if (version === undefined || version === null) return
  builder.add('pgbouncer_version_info', 'gauge', 'The version, as a label.', labelSet({ version }), 1)
}

/** SHOW LISTS and SHOW CONFIG: a row for each name. */
function addLists(
  builder: FamilyBuilder,
  answer: ConsoleResult | undefined,
  map: readonly ColumnMetric[],
): void {
  if (answer === undefined) return
  const values = new Map(answer.rows.map((row) => [row[0], row[1] ?? null]))
  for (const { column, name, type, help } of map) {
    const value = values.get(column)
    if (value !== undefined) builder.add(name, type, help, NO_LABELS, toNumber(value))
  }
}

function addTable(
  builder: FamilyBuilder,
  metrics: readonly ColumnMetric[],
  { columns, rows }: LabelledTable,
): void {
  for (const { column, name, type, help, factor = 1 } of metrics) {
    const index = columns.indexOf(column)
    if (index === -1) continue
    const { samples } = builder.family(name, type, help)
    for (const { labels, row } of rows) {
      samples.push({ labels, value: toNumber(row[index] ?? null) * factor })
    }
  }
}

function addHealth(
  builder: FamilyBuilder,
  commands: readonly string[],
  failures: readonly CommandFailure[],
  dropped: number,
): void {
  builder.add(
    'pgbouncer_up',
    'gauge',
    '1 if everything was read, else 0; see pgbouncer_command_failure_info for why.',
    NO_LABELS,
    failures.length === 0 ? 1 : 0,
  )
  const failed = new Set(failures.map(({ command }) => command))
  for (const command of commands) {
    builder.add(
      'pgbouncer_command_up',
      'gauge',
      '1 if the command was answered, else 0.',
      labelSet({ command }),
      failed.has(command) ? 0 : 1,
    )
  }
  for (const { command, reason } of failures) {
    builder.add(
      'pgbouncer_command_failure_info',
      'gauge',
      'Why a command was not answered, as a label.',
      labelSet({ command, reason }),
      1,
    )
  }
  builder.add(
    'pgbouncer_scrape_duplicate_rows',
    'gauge',
    'Rows left out because another had the same labels.',
    NO_LABELS,
    dropped,
  )
}

function toNumber(value: string | null): number {
  return value === null || value.trim() === '' ? Number.NaN : Number(value)
}
