/** PostgreSQL, by postgres_exporter's metrics, and the `ops_pg_…` ones of docker/postgres-exporter/queries.yaml. */
import type { DashboardSpec } from './dashboard.ts'

const SERVER = 'instance=~"$instance"'
const DATABASE = `${SERVER}, datname=~"$datname"`
const TRANSACTION_IDS = 2 ** 31

const perSecond = (metric: string): string => `rate(${metric}{${DATABASE}}[$__rate_interval])`
const byDatabase = (metric: string): string => `sum by (datname) (${perSecond(metric)})`

export const database: DashboardSpec = {
  name: 'database',
  title: 'Database overview',
  description: 'Whether PostgreSQL is up and has room, and what it is doing.',
  variables: [
    { name: 'instance', metric: 'pg_up', label: 'instance' },
    { name: 'datname', metric: 'pg_database_size_bytes', label: 'datname' },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          title: 'PostgreSQL answers',
          description: 'Whether the exporter could log in and read.',
          unit: 'bool_yes_no',
          thresholds: { critical: 1, lowIsBad: true },
          runbook: 'postgres-down',
          queries: [{ expr: `min by (instance) (pg_up{${SERVER}})`, legend: '{{instance}}' }],
        },
        {
          kind: 'stat',
          title: 'Connections in use',
          description: 'Of max_connections, less those that are reserved for superusers and for monitoring.',
          unit: 'percentunit',
          thresholds: { warning: 0.8, critical: 0.95 },
          runbook: 'postgres-connections',
          queries: [
            {
              expr: `max by (instance) (clamp_max(sum by (job, instance) (pg_stat_activity_count{${SERVER}}) / on (job, instance) max by (job, instance) (pg_settings_max_connections{${SERVER}} - pg_settings_superuser_reserved_connections{${SERVER}} - (pg_settings_reserved_connections{${SERVER}} or 0 * pg_settings_max_connections{${SERVER}})), 1))`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Longest transaction at work',
          description:
            'It holds its locks, and keeps vacuum from removing rows that died since. Without pg_dump.',
          unit: 's',
          thresholds: { warning: 60, critical: 300 },
          runbook: 'postgres-slow-queries',
          queries: [
            {
              expr: `max(pg_stat_activity_max_tx_duration{${DATABASE}, state="active", backend_type=~"(client backend)?", application_name!="pg_dump"})`,
              legend: 'longest',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Blocks found in shared_buffers',
          description: 'Of all that were asked for. Those of the system’s own cache count as missed.',
          unit: 'percentunit',
          thresholds: { warning: 0.99, critical: 0.9, lowIsBad: true },
          runbook: 'postgres-cache-hit-ratio',
          queries: [
            {
              expr: `sum(${perSecond('pg_stat_database_blks_hit')}) / (sum(${perSecond('pg_stat_database_blks_hit')}) + sum(${perSecond('pg_stat_database_blks_read')}))`,
              legend: 'hit',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Transaction ids used up',
          description:
            'Of the 2.1 billion after which PostgreSQL takes no more writes until a vacuum has run.',
          unit: 'percentunit',
          thresholds: { warning: 0.5, critical: 0.7 },
          runbook: 'postgres-txid',
          queries: [
            { expr: `max(ops_pg_wraparound_xid_age{${DATABASE}}) / ${TRANSACTION_IDS}`, legend: 'oldest' },
          ],
        },
        {
          kind: 'stat',
          title: 'Sessions that wait for a lock',
          description: 'Somebody else’s transaction is in their way.',
          unit: 'short',
          thresholds: { warning: 1, critical: 10 },
          runbook: 'postgres-slow-queries',
          queries: [{ expr: `sum(ops_pg_lock_waits_sessions{${SERVER}})`, legend: 'waiting' }],
        },
      ],
    },
    {
      title: 'Work',
      panels: [
        {
          kind: 'series',
          title: 'Transactions',
          description: 'Committed and rolled back, per second.',
          unit: 'ops',
          queries: [
            { expr: byDatabase('pg_stat_database_xact_commit'), legend: '{{datname}} committed' },
            { expr: byDatabase('pg_stat_database_xact_rollback'), legend: '{{datname}} rolled back' },
          ],
        },
        {
          kind: 'series',
          title: 'Rows written',
          description: 'Inserted, updated and deleted, per second.',
          unit: 'ops',
          queries: [
            { expr: `sum(${perSecond('pg_stat_database_tup_inserted')})`, legend: 'inserted' },
            { expr: `sum(${perSecond('pg_stat_database_tup_updated')})`, legend: 'updated' },
            { expr: `sum(${perSecond('pg_stat_database_tup_deleted')})`, legend: 'deleted' },
          ],
        },
        {
          kind: 'series',
          title: 'Connections by state',
          description: 'Sessions idle in a transaction hold locks for nothing.',
          unit: 'short',
          stacked: true,
          runbook: 'postgres-connections',
          queries: [{ expr: `sum by (state) (pg_stat_activity_count{${DATABASE}})`, legend: '{{state}}' }],
        },
        {
          kind: 'series',
          title: 'Longest transactions',
          description: 'At work, and idle: the latter wait for their application.',
          unit: 's',
          thresholds: { warning: 60, critical: 300 },
          runbook: 'postgres-slow-queries',
          queries: [
            {
              expr: `max by (datname) (ops_pg_long_queries_max_transaction_seconds{${DATABASE}})`,
              legend: '{{datname}}',
            },
            {
              expr: `max by (datname) (ops_pg_long_queries_max_idle_in_transaction_seconds{${DATABASE}})`,
              legend: '{{datname}} idle',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Locks by mode',
          description: 'AccessExclusiveLock shuts everybody out of a table.',
          unit: 'short',
          queries: [{ expr: `sum by (mode) (pg_locks_count{${DATABASE}})`, legend: '{{mode}}' }],
        },
        {
          kind: 'series',
          title: 'Deadlocks in an hour',
          description: 'PostgreSQL ended one of the transactions in each.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (datname) (increase(pg_stat_database_deadlocks{${DATABASE}}[1h]))`,
              legend: '{{datname}}',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Temporary files',
          description: 'Bytes per second of what did not fit into work_mem.',
          unit: 'Bps',
          queries: [{ expr: byDatabase('pg_stat_database_temp_bytes'), legend: '{{datname}}' }],
        },
      ],
    },
    {
      title: 'Storage',
      panels: [
        {
          kind: 'series',
          title: 'Size of each database',
          description: 'On disk, with indexes.',
          unit: 'bytes',
          queries: [
            { expr: `max by (datname) (pg_database_size_bytes{${DATABASE}})`, legend: '{{datname}}' },
          ],
        },
        {
          kind: 'series',
          title: 'WAL written',
          description: 'Bytes per second: what an archive and each replica have to keep up with.',
          unit: 'Bps',
          runbook: 'postgres-wal-archiving',
          queries: [
            {
              expr: `sum by (instance) (rate(ops_pg_wal_bytes_total{${SERVER}}[$__rate_interval]))`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          kind: 'series',
          title: 'WAL kept',
          description: 'In pg_wal. It grows while an archive fails or a slot has no receiver.',
          unit: 'bytes',
          runbook: 'postgres-wal-archiving',
          queries: [
            { expr: `max by (instance) (ops_pg_wal_directory_bytes{${SERVER}})`, legend: '{{instance}}' },
          ],
        },
        {
          kind: 'series',
          title: 'Checkpoints in an hour',
          description: 'Those that are asked for come because max_wal_size is full, and cost the most.',
          unit: 'short',
          runbook: 'postgres-checkpoints',
          queries: [
            {
              expr: `sum by (instance) (increase(ops_pg_checkpoints_timed_total{${SERVER}}[1h]))`,
              legend: '{{instance}} by the clock',
            },
            {
              expr: `sum by (instance) (increase(ops_pg_checkpoints_requested_total{${SERVER}}[1h]))`,
              legend: '{{instance}} asked for',
            },
          ],
        },
        {
          kind: 'series',
          title: 'WAL files archived in an hour',
          description: 'And attempts that failed: point-in-time recovery ends where the archive ends.',
          unit: 'short',
          runbook: 'postgres-wal-archiving',
          queries: [
            {
              expr: `sum by (instance) (increase(pg_stat_archiver_archived_count{${SERVER}}[1h]))`,
              legend: '{{instance}} archived',
            },
            {
              expr: `sum by (instance) (increase(pg_stat_archiver_failed_count{${SERVER}}[1h]))`,
              legend: '{{instance}} failed',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Replication lag',
          description: 'How far behind a replica is. 0 on a primary, and on a replica that was cut off.',
          unit: 's',
          thresholds: { warning: 10, critical: 30 },
          runbook: 'postgres-replication-lag',
          queries: [
            { expr: `max by (instance) (pg_replication_lag_seconds{${SERVER}})`, legend: '{{instance}}' },
          ],
        },
        {
          kind: 'table',
          title: 'Tables with the most dead rows',
          description: 'And how many set off autovacuum.',
          unit: 'short',
          runbook: 'postgres-vacuum',
          queries: [
            {
              expr: `topk(10, max by (schemaname, relname) (ops_pg_vacuum_dead_rows{${SERVER}}))`,
              legend: '{{schemaname}}.{{relname}}',
              emptyWhen: 'the database has no tables',
            },
          ],
        },
        {
          kind: 'table',
          title: 'Largest tables',
          description: 'With TOAST, without indexes.',
          unit: 'bytes',
          queries: [
            {
              expr: `topk(10, max by (schemaname, relname) (ops_pg_table_bloat_table_bytes{${SERVER}}))`,
              legend: '{{schemaname}}.{{relname}}',
              emptyWhen: 'no table was analyzed yet',
            },
          ],
        },
      ],
    },
  ],
}
