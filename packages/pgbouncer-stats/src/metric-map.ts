/**
 * Which column of which SHOW command becomes which metric: the names, types and labels of
 * prometheus-community's pgbouncer_exporter 0.10 and 0.12, and what this package adds to them.
 */

export type MetricType = 'counter' | 'gauge'

export interface ColumnMetric {
  readonly column: string
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** PgBouncer's unit times this is the metric's. @default 1 */
  readonly factor?: number
}

export interface TableMap {
  readonly command: string
  readonly labels: readonly string[]
  readonly metrics: readonly ColumnMetric[]
}

const MICROSECONDS = 1e-6

function gauge(column: string, name: string, help: string): ColumnMetric {
  return { column, name, type: 'gauge', help }
}

function counter(column: string, name: string, help: string, factor?: number): ColumnMetric {
  return { column, name, type: 'counter', help, ...(factor === undefined ? {} : { factor }) }
}

/** 0.10 reads SHOW STATS, and calls the metrics `pgbouncer_stats_…`. */
export const STATS_MAP_0_10: TableMap = {
  command: 'SHOW STATS',
  labels: ['database'],
  metrics: statistics(
    'pgbouncer_stats_',
    (name) => (name.startsWith('bytes_') ? name.slice('bytes_'.length) : name),
    'total_',
  ),
}

/** 0.12 reads SHOW STATS_TOTALS, and calls the same metrics `pgbouncer_stats_totals_…`. */
export const STATS_MAP_0_12: TableMap = {
  command: 'SHOW STATS_TOTALS',
  labels: ['database'],
  metrics: [
    ...statistics('pgbouncer_stats_totals_', (name) => name, ''),
    counter(
      'server_assignment_count',
      'pgbouncer_stats_totals_server_assignments_total',
      'Times a client was given a server connection.',
    ),
    counter(
      'client_parse_count',
      'pgbouncer_stats_totals_client_parses_total',
      'Prepared statements that clients asked for (Parse).',
    ),
    counter(
      'server_parse_count',
      'pgbouncer_stats_totals_server_parses_total',
      'Prepared statements that PgBouncer had to prepare on a server connection (Parse).',
    ),
    counter(
      'bind_count',
      'pgbouncer_stats_totals_binds_total',
      'Prepared statements made ready for execution (Bind).',
    ),
    counter(
      'client_login_count',
      'pgbouncer_stats_totals_client_logins_total',
      'Successful logins of clients (PgBouncer 1.26).',
    ),
  ],
}

function statistics(
  prefix: string,
  columnOf: (name: string) => string,
  columnPrefix: string,
): ColumnMetric[] {
  const metric = (column: string, name: string, help: string, factor?: number): ColumnMetric =>
    counter(`${columnPrefix}${columnOf(column)}`, `${prefix}${name}`, help, factor)
  return [
    metric('query_count', 'queries_pooled_total', 'SQL queries sent to servers.'),
    metric(
      'query_time',
      'queries_duration_seconds_total',
      'Time that servers spent executing queries.',
      MICROSECONDS,
    ),
    metric('bytes_received', 'received_bytes_total', 'Bytes received from clients.'),
    metric('bytes_sent', 'sent_bytes_total', 'Bytes sent to clients.'),
    metric(
      'wait_time',
      'client_wait_seconds_total',
      'Time that clients waited for a server, counted when they got one.',
      MICROSECONDS,
    ),
    metric('xact_count', 'sql_transactions_pooled_total', 'SQL transactions sent to servers.'),
    metric(
      'xact_time',
      'server_in_transaction_seconds_total',
      'Time that servers were in a transaction, idle or executing.',
      MICROSECONDS,
    ),
  ]
}

export const POOLS_MAP: TableMap = {
  command: 'SHOW POOLS',
  labels: ['database', 'user'],
  metrics: [
    gauge(
      'cl_active',
      'pgbouncer_pools_client_active_connections',
      'Clients linked to a server connection, or idle.',
    ),
    gauge(
      'cl_waiting',
      'pgbouncer_pools_client_waiting_connections',
      'Clients that wait for a server connection.',
    ),
    gauge(
      'cl_active_cancel_req',
      'pgbouncer_pools_client_active_cancel_connections',
      'Clients whose cancel request was sent on and is not answered yet.',
    ),
    gauge(
      'cl_waiting_cancel_req',
      'pgbouncer_pools_client_waiting_cancel_connections',
      'Clients whose cancel request was not sent on yet.',
    ),
    gauge('sv_active', 'pgbouncer_pools_server_active_connections', 'Server connections linked to a client.'),
    gauge(
      'sv_active_cancel',
      'pgbouncer_pools_server_active_cancel_connections',
      'Server connections that send on a cancel request.',
    ),
    gauge(
      'sv_being_canceled',
      'pgbouncer_pools_server_being_canceled_connections',
      'Server connections held back until cancel requests for them are through.',
    ),
    gauge(
      'sv_idle',
      'pgbouncer_pools_server_idle_connections',
      'Server connections that can be used at once.',
    ),
    gauge(
      'sv_used',
      'pgbouncer_pools_server_used_connections',
      'Server connections idle so long that they are checked before use.',
    ),
    gauge(
      'sv_tested',
      'pgbouncer_pools_server_testing_connections',
      'Server connections that run server_reset_query or server_check_query.',
    ),
    gauge('sv_login', 'pgbouncer_pools_server_login_connections', 'Server connections that log in.'),
    gauge(
      'maxwait',
      'pgbouncer_pools_client_maxwait_seconds',
      'How long the oldest waiting client waits, in whole seconds.',
    ),
  ],
}

export const DATABASES_MAP: TableMap = {
  command: 'SHOW DATABASES',
  labels: ['name', 'host', 'port', 'database', 'force_user', 'pool_mode'],
  metrics: [
    gauge('pool_size', 'pgbouncer_databases_pool_size', 'Most server connections of one pool.'),
    gauge(
      'reserve_pool',
      'pgbouncer_databases_reserve_pool',
      'Server connections beyond the pool size, for clients that wait too long.',
    ),
    gauge(
      'reserve_pool_size',
      'pgbouncer_databases_reserve_pool',
      'Server connections beyond the pool size, for clients that wait too long.',
    ),
    gauge(
      'max_connections',
      'pgbouncer_databases_max_connections',
      'Most server connections of the database; 0 is no limit.',
    ),
    gauge(
      'current_connections',
      'pgbouncer_databases_current_connections',
      'Server connections of the database.',
    ),
    gauge('paused', 'pgbouncer_databases_paused', '1 if the database is paused, else 0.'),
    gauge('disabled', 'pgbouncer_databases_disabled', '1 if the database is disabled, else 0.'),
  ],
}

/** Rows of SHOW LISTS, by their first column. */
export const LISTS_MAP: readonly ColumnMetric[] = [
  gauge('databases', 'pgbouncer_databases', 'Databases.'),
  gauge('users', 'pgbouncer_users', 'Users.'),
  gauge('pools', 'pgbouncer_pools', 'Pools, each a pair of database and user.'),
  gauge('free_clients', 'pgbouncer_free_clients', 'Client slots in memory that are free.'),
  gauge('used_clients', 'pgbouncer_used_clients', 'Clients.'),
  gauge('login_clients', 'pgbouncer_login_clients', 'Clients that log in.'),
  gauge('free_servers', 'pgbouncer_free_servers', 'Server slots in memory that are free.'),
  gauge('used_servers', 'pgbouncer_used_servers', 'Server connections.'),
  gauge('dns_names', 'pgbouncer_cached_dns_names', 'DNS names in the cache.'),
  gauge('dns_zones', 'pgbouncer_cached_dns_zones', 'DNS zones in the cache.'),
  gauge('dns_queries', 'pgbouncer_in_flight_dns_queries', 'DNS queries that wait for an answer.'),
]

/** Rows of SHOW CONFIG, by their first column. */
export const CONFIG_MAP: readonly ColumnMetric[] = [
  gauge('max_client_conn', 'pgbouncer_config_max_client_connections', 'Setting max_client_conn.'),
  gauge('max_user_connections', 'pgbouncer_config_max_user_connections', 'Setting max_user_connections.'),
]
