import {
  CONFIG_MAP,
  DATABASES_MAP,
  LISTS_MAP,
  POOLS_MAP,
  STATS_MAP_0_10,
  STATS_MAP_0_12,
  type MetricType,
} from './metric-map.ts'

const OWN_METRICS: readonly (readonly [string, string])[] = [
  ['pgbouncer_version_info', 'The version, as a label.'],
  ['pgbouncer_up', '1 if everything was read, else 0.'],
  ['pgbouncer_command_up', '1 if the command was answered, else 0.'],
  ['pgbouncer_command_failure_info', 'Why a command was not answered, as a label.'],
  ['pgbouncer_scrape_duplicate_rows', 'Rows left out because another had the same labels.'],
  ['pgbouncer_scrape_duration_seconds', 'How long it took to read PgBouncer.'],
  [
    'pgbouncer_pools_client_maxwait_exact_seconds',
    'How long the oldest waiting client waits, with its fraction.',
  ],
  ['pgbouncer_pools_server_utilization_ratio', 'Server connections in use divided by the pool size.'],
  ['pgbouncer_client_utilization_ratio', 'Clients divided by max_client_conn.'],
  ['pgbouncer_client_connections', 'Clients by database, user, application and state.'],
  ['pgbouncer_application_clients', 'Clients by application: those with the most, and all others together.'],
]

/** Every metric that a scrape may give; a registry must know them beforehand. */
export function describeMetrics(): { name: string; help: string; type: MetricType }[] {
  const mapped = [POOLS_MAP, DATABASES_MAP, STATS_MAP_0_10, STATS_MAP_0_12].flatMap(({ metrics }) => metrics)
  const all = [
    ...[...mapped, ...LISTS_MAP, ...CONFIG_MAP].map(({ name, help, type }) => ({ name, help, type })),
    ...OWN_METRICS.map(([name, help]) => ({ name, help, type: 'gauge' as const })),
  ]
  return [...new Map(all.map((metric) => [metric.name, metric])).values()]
}
