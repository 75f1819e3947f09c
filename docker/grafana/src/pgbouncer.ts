/** PgBouncer, by the metrics of @ops/pgbouncer-stats (names of prometheus-community's exporter 0.12, and more). */
import type { DashboardSpec } from './dashboard.ts'

const BOUNCER = 'instance=~"$instance"'
const POOL = `${BOUNCER}, database=~"$database"`
const TOTALS = 'pgbouncer_stats_totals'

const pools = (metric: string): string => `sum by (database) (pgbouncer_pools_${metric}{${POOL}})`
const rate = (metric: string): string =>
  `sum by (database) (rate(${TOTALS}_${metric}{${POOL}}[$__rate_interval]))`
const servers = (state: string): { expr: string; legend: string } => ({
  expr: `sum(pgbouncer_pools_server_${state}_connections{${POOL}})`,
  legend: state,
})

export const pgbouncer: DashboardSpec = {
  name: 'pgbouncer',
  title: 'PgBouncer',
  description: 'Whether clients get their server connection at once, and if not, why.',
  variables: [
    { name: 'instance', metric: 'pgbouncer_up', label: 'instance' },
    { name: 'database', metric: 'pgbouncer_pools_server_active_connections', label: 'database' },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          title: 'PgBouncer answers',
          description: 'Whether its console could be read.',
          unit: 'bool_yes_no',
          thresholds: { critical: 1, lowIsBad: true },
          runbook: 'pgbouncer-down',
          queries: [{ expr: `min by (instance) (pgbouncer_up{${BOUNCER}})`, legend: '{{instance}}' }],
        },
        {
          kind: 'stat',
          title: 'Clients that wait',
          description: 'For a server connection, at this moment.',
          unit: 'short',
          thresholds: { warning: 1, critical: 20 },
          runbook: 'pgbouncer-clients-waiting',
          queries: [{ expr: `sum(pgbouncer_pools_client_waiting_connections{${POOL}})`, legend: 'waiting' }],
        },
        {
          kind: 'stat',
          title: 'Longest wait',
          description: 'Of the client that waits longest now. After query_wait_timeout it is disconnected.',
          unit: 's',
          thresholds: { warning: 1, critical: 5 },
          runbook: 'pgbouncer-clients-waiting',
          queries: [
            { expr: `max(pgbouncer_pools_client_maxwait_exact_seconds{${POOL}})`, legend: 'longest' },
          ],
        },
        {
          kind: 'stat',
          title: 'Fullest pool',
          description: 'Server connections in use, of those that the pool may have.',
          unit: 'percentunit',
          thresholds: { warning: 0.75, critical: 0.9 },
          runbook: 'pgbouncer-pool-saturated',
          queries: [{ expr: `max(pgbouncer_pools_server_utilization_ratio{${POOL}})`, legend: 'in use' }],
        },
        {
          kind: 'stat',
          title: 'Client slots taken',
          description: 'Of max_client_conn. When all are, new clients are refused.',
          unit: 'percentunit',
          thresholds: { warning: 0.7, critical: 0.85 },
          runbook: 'pgbouncer-max-client-conn',
          queries: [
            {
              expr: `max by (instance) (pgbouncer_client_utilization_ratio{${BOUNCER}})`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Databases switched off',
          description: 'Paused or disabled on the console.',
          unit: 'short',
          thresholds: { critical: 1 },
          runbook: 'pgbouncer-config-drift',
          queries: [
            {
              expr: `sum(pgbouncer_databases_paused{${BOUNCER}}) + sum(pgbouncer_databases_disabled{${BOUNCER}})`,
              legend: 'switched off',
            },
          ],
        },
      ],
    },
    {
      title: 'Pools',
      panels: [
        {
          kind: 'series',
          title: 'Clients',
          description: 'Those that have a server connection or want none, and those that wait for one.',
          unit: 'short',
          runbook: 'pgbouncer-clients-waiting',
          queries: [
            { expr: pools('client_active_connections'), legend: '{{database}}' },
            { expr: pools('client_waiting_connections'), legend: '{{database}} waiting' },
          ],
        },
        {
          kind: 'series',
          title: 'Longest wait',
          description: 'It grows while the queue does not drain.',
          unit: 's',
          thresholds: { warning: 1, critical: 5 },
          runbook: 'pgbouncer-clients-waiting',
          queries: [
            {
              expr: `max by (database) (pgbouncer_pools_client_maxwait_exact_seconds{${POOL}})`,
              legend: '{{database}}',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Pools in use',
          description: 'Server connections in use, of those that each pool may have.',
          unit: 'percentunit',
          thresholds: { warning: 0.75, critical: 0.9 },
          runbook: 'pgbouncer-pool-saturated',
          queries: [
            {
              expr: `max by (database, user) (pgbouncer_pools_server_utilization_ratio{${POOL}})`,
              legend: '{{database}}/{{user}}',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Server connections by state',
          description: 'Many at login: PostgreSQL is slow to accept, or refuses.',
          unit: 'short',
          stacked: true,
          queries: ['active', 'idle', 'used', 'testing', 'login'].map(servers),
        },
        {
          kind: 'series',
          title: 'Cancel requests under way',
          description: 'Clients that give up. Each takes a server connection too.',
          unit: 'short',
          queries: [
            { expr: pools('client_active_cancel_connections'), legend: '{{database}}' },
            { expr: pools('client_waiting_cancel_connections'), legend: '{{database}} waiting' },
          ],
        },
        {
          kind: 'series',
          title: 'Client slots taken',
          description: 'Of max_client_conn.',
          unit: 'percentunit',
          thresholds: { warning: 0.7, critical: 0.85 },
          runbook: 'pgbouncer-max-client-conn',
          queries: [
            {
              expr: `max by (instance) (pgbouncer_client_utilization_ratio{${BOUNCER}})`,
              legend: '{{instance}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Work',
      panels: [
        {
          kind: 'series',
          title: 'Transactions and queries',
          description: 'Per second.',
          unit: 'ops',
          queries: [
            { expr: rate('sql_transactions_pooled_total'), legend: '{{database}} transactions' },
            { expr: rate('queries_pooled_total'), legend: '{{database}} queries' },
          ],
        },
        {
          kind: 'series',
          title: 'Mean time',
          description:
            'Of a query, and of the wait before a transaction. Waits are counted when they are over: those of now are above.',
          unit: 's',
          queries: [
            {
              expr: `${rate('queries_duration_seconds_total')} / (${rate('queries_pooled_total')} > 0)`,
              legend: '{{database}} query',
              emptyWhen: 'no query came through',
            },
            {
              expr: `${rate('client_wait_seconds_total')} / (${rate('sql_transactions_pooled_total')} > 0)`,
              legend: '{{database}} wait',
              emptyWhen: 'no query came through',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Traffic',
          description: 'Bytes from and to clients, per second.',
          unit: 'Bps',
          queries: [
            { expr: rate('received_bytes_total'), legend: '{{database}} received' },
            { expr: rate('sent_bytes_total'), legend: '{{database}} sent' },
          ],
        },
        {
          kind: 'series',
          title: 'Prepared statements',
          description:
            'Executions, and how often PostgreSQL had to prepare for them: as many of both is churn. From PgBouncer 1.24 on.',
          unit: 'ops',
          queries: [
            { expr: rate('binds_total'), legend: '{{database}} executions' },
            { expr: rate('server_parses_total'), legend: '{{database}} prepared on PostgreSQL' },
          ],
        },
        {
          kind: 'series',
          title: 'Scrapes',
          description: 'How long PgBouncer took to answer all of its SHOW commands.',
          unit: 's',
          runbook: 'pgbouncer-down',
          queries: [
            {
              expr: `max by (instance) (pgbouncer_scrape_duration_seconds{${BOUNCER}})`,
              legend: '{{instance}}',
            },
          ],
        },
      ],
    },
  ],
}
