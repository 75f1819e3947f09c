/** Metrics beyond prometheus-community's exporter, and its count of clients. */
import type { ConsoleResult } from './console.ts'
import { labelSet, NO_LABELS, type FamilyBuilder, type LabelSet } from './metric-family.ts'
import type { LabelledTable } from './labelled-table.ts'
import type { RowFilter } from './row-filter.ts'

type Answers = ReadonlyMap<string, ConsoleResult>

/** `maxwait` with its microseconds, and how full each pool is. */
export function addPoolDetails(
  builder: FamilyBuilder,
  { columns, rows }: LabelledTable,
  databases: ConsoleResult | undefined,
): void {
  const [database, maxWait, maxWaitUs, active] = ['database', 'maxwait', 'maxwait_us', 'sv_active'].map(
    (name) => columns.indexOf(name),
  ) as [number, number, number, number]
  const sizes = poolSizes(databases)
  const wait = builder.family(
    'pgbouncer_pools_client_maxwait_exact_seconds',
    'gauge',
    'How long the oldest waiting client waits, with its fraction.',
  ).samples
  const full = builder.family(
    'pgbouncer_pools_server_utilization_ratio',
    'gauge',
    'Server connections in use divided by the pool size; above 1 the reserve pool is in use.',
  ).samples
  for (const { labels, row } of rows) {
    wait.push({ labels, value: Number(row[maxWait] ?? 0) + Number(row[maxWaitUs] ?? 0) / 1e6 })
    const size = sizes.get(row[database] ?? '') ?? 0
    if (size > 0) full.push({ labels, value: Number(row[active] ?? 0) / size })
  }
}

/** How full PgBouncer is. */
export function addClientUtilization(builder: FamilyBuilder, answers: Answers): void {
  const limit = rowValue(answers.get('SHOW CONFIG'), 'max_client_conn')
  const used = rowValue(answers.get('SHOW LISTS'), 'used_clients')
  if (!(limit > 0) || Number.isNaN(used)) return
  builder.add(
    'pgbouncer_client_utilization_ratio',
    'gauge',
    'Clients divided by max_client_conn.',
    NO_LABELS,
    used / limit,
  )
}

function poolSizes(databases: ConsoleResult | undefined): Map<string, number> {
  if (databases === undefined) return new Map()
  const [name, size] = [databases.columns.indexOf('name'), databases.columns.indexOf('pool_size')]
  return new Map(databases.rows.map((row) => [row[name] ?? '', Number(row[size] ?? 0)]))
}

function rowValue(answer: ConsoleResult | undefined, key: string): number {
  const value = answer?.rows.find((row) => row[0] === key)?.[1]
  return value === undefined || value === null ? Number.NaN : Number(value)
}

interface ClientMetrics {
  readonly clientConnections: boolean
  readonly applicationsTop: number
}

const CLIENT_LABELS = ['database', 'user', 'application_name', 'state'] as const

export function addClients(
  builder: FamilyBuilder,
  answer: ConsoleResult | undefined,
  keep: RowFilter,
  options: ClientMetrics,
): void {
  if (answer === undefined) return
  const { columns, rows } = keep(answer)
  if (options.clientConnections) {
    const indexes = CLIENT_LABELS.map((name) => ({ name, index: columns.indexOf(name) }))
    const counts = new Map<string, { labels: LabelSet; count: number }>()
    for (const row of rows) {
      const labels = labelSet(Object.fromEntries(indexes.map(({ name, index }) => [name, row[index] ?? ''])))
      const known = counts.get(labels.text)
      if (known === undefined) counts.set(labels.text, { labels, count: 1 })
      else known.count += 1
    }
    const help = 'Clients by database, user, application and state.'
    for (const { labels, count } of counts.values())
      builder.add('pgbouncer_client_connections', 'gauge', help, labels, count)
  }
  if (options.applicationsTop > 0)
    addApplications(
      builder,
      rows.map((row) => row[columns.indexOf('application_name')] ?? ''),
      options.applicationsTop,
    )
}

const OTHER_APPLICATIONS = '(other)'

function addApplications(builder: FamilyBuilder, names: readonly string[], top: number): void {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  // By count, then by name, so that the selection does not flicker between equals.
  const ranked = [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const help = 'Clients by application: those with the most, and all others together.'
  for (const [name, count] of ranked.slice(0, top)) {
    builder.add('pgbouncer_application_clients', 'gauge', help, labelSet({ application_name: name }), count)
  }
  const others = ranked.slice(top).reduce((sum, [, count]) => sum + count, 0)
  if (others > 0)
    builder.add(
      'pgbouncer_application_clients',
      'gauge',
      help,
      labelSet({ application_name: OTHER_APPLICATIONS }),
      others,
    )
}
