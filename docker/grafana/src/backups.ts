/** Backups, restore drills and retention, by the metrics of @ops/pg-backup, @ops/restore-verify and @ops/s3-retention. */
import type { DashboardSpec } from './dashboard.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const DATABASE = 'cluster=~"$cluster", database=~"$database"'

const each = (metric: string): string => `max by (cluster, database) (${metric}{${DATABASE}})`
const NAME = '{{cluster}}/{{database}}'

export const backups: DashboardSpec = {
  name: 'backups',
  title: 'Backups and recovery',
  description: 'How old the newest backup and the last proven restore are, and how far back one can go.',
  variables: [
    { name: 'cluster', metric: 'ops_backup_last_attempt_timestamp_seconds', label: 'cluster' },
    { name: 'database', metric: 'ops_backup_last_attempt_timestamp_seconds', label: 'database' },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          title: 'Age of the newest good backup',
          description: 'What was written since then would be lost with the server.',
          unit: 's',
          thresholds: { warning: 25 * HOUR, critical: 26 * HOUR },
          runbook: 'backup-missing',
          queries: [{ expr: `time() - ${each('ops_backup_last_success_timestamp_seconds')}`, legend: NAME }],
        },
        {
          kind: 'stat',
          title: 'Age of the last proven restore',
          description: 'A backup was restored, and its content compared with what had been backed up.',
          unit: 's',
          thresholds: { warning: 7.5 * DAY, critical: 8 * DAY },
          runbook: 'no-proven-restore',
          queries: [
            {
              expr: `time() - ${each('ops_restore_verify_last_success_timestamp_seconds')}`,
              legend: NAME,
              emptyWhen: 'no drill has proven a backup yet',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Last backup succeeded',
          description: 'The last attempt that has ended.',
          unit: 'bool_yes_no',
          thresholds: { critical: 1, lowIsBad: true },
          runbook: 'backup-failed',
          queries: [{ expr: each('ops_backup_last_attempt_success'), legend: NAME }],
        },
        {
          kind: 'stat',
          title: 'Last drill succeeded',
          description: 'Whether it proved its backup.',
          unit: 'bool_yes_no',
          thresholds: { critical: 1, lowIsBad: true },
          runbook: 'restore-drill-failed',
          queries: [
            {
              expr: each('ops_restore_verify_last_attempt_success'),
              legend: NAME,
              emptyWhen: 'no drill was run yet',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Periods without a backup',
          description: 'Within the window of the retention policy.',
          unit: 'short',
          thresholds: { critical: 1 },
          runbook: 'retention-gap',
          queries: [
            {
              expr: 'max by (group) (ops_retention_gap_periods) or on () (ops_retention_last_success_timestamp_seconds * 0)',
              legend: '{{group}}',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Backups at work',
          description: 'At this moment.',
          unit: 'short',
          queries: [{ expr: `sum(${each('ops_backup_in_progress')})`, legend: 'running' }],
        },
      ],
    },
    {
      title: 'Backups',
      panels: [
        {
          kind: 'series',
          title: 'Duration',
          description: 'Of the newest good backup.',
          unit: 's',
          runbook: 'backup-slow',
          queries: [{ expr: each('ops_backup_duration_seconds'), legend: NAME }],
        },
        {
          kind: 'series',
          title: 'Size',
          description: 'Before compression, and as stored. Half of yesterday’s is bad news.',
          unit: 'bytes',
          runbook: 'backup-shrank',
          queries: [
            { expr: each('ops_backup_raw_bytes'), legend: `${NAME} before compression` },
            { expr: each('ops_backup_stored_bytes'), legend: `${NAME} stored` },
          ],
        },
        {
          kind: 'series',
          title: 'Rows',
          description: 'Counted from the bytes of the backup.',
          unit: 'short',
          runbook: 'backup-shrank',
          queries: [{ expr: each('ops_backup_rows'), legend: NAME }],
        },
        {
          kind: 'series',
          title: 'Failed attempts in a day',
          description: 'By the code of their error.',
          unit: 'short',
          thresholds: { critical: 1 },
          runbook: 'backup-failed',
          queries: [
            {
              expr: `sum by (code) (increase(ops_backup_failures_total{${DATABASE}}[1d])) > 0`,
              legend: '{{code}}',
              emptyWhen: 'no attempt has failed',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Saved by compression',
          description: 'How many times smaller a backup is in the store.',
          unit: 'short',
          queries: [
            {
              expr: `${each('ops_backup_raw_bytes')} / ${each('ops_backup_stored_bytes')}`,
              legend: NAME,
            },
          ],
        },
      ],
    },
    {
      title: 'Restore drills',
      panels: [
        {
          kind: 'series',
          title: 'Duration of a restore, by phase',
          description: 'What the last drill took. A recovery has no digest and no comparison.',
          unit: 's',
          stacked: true,
          queries: [
            {
              expr: `max by (cluster, database, phase) (ops_restore_verify_duration_seconds{${DATABASE}})`,
              legend: `${NAME} {{phase}}`,
              emptyWhen: 'no drill was run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Differences found',
          description: 'Between what was backed up and what came back.',
          unit: 'short',
          thresholds: { critical: 1 },
          runbook: 'restore-drill-failed',
          queries: [
            {
              expr: each('ops_restore_verify_mismatches'),
              legend: NAME,
              emptyWhen: 'no drill was run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Rows compared',
          description: 'In the backup that was drilled last.',
          unit: 'short',
          queries: [
            { expr: each('ops_restore_verify_rows'), legend: NAME, emptyWhen: 'no drill was run yet' },
          ],
        },
      ],
    },
    {
      title: 'Retention',
      panels: [
        {
          kind: 'series',
          title: 'Backups in the store',
          description: 'Good; broken; and without a manifest, which are no backups.',
          unit: 'short',
          runbook: 'retention-failing',
          queries: [
            {
              expr: 'max by (group, state) (ops_retention_items)',
              legend: '{{group}} {{state}}',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Bytes in the store',
          description: 'As they are billed.',
          unit: 'bytes',
          stacked: true,
          queries: [
            {
              expr: 'sum by (group) (max by (group, state) (ops_retention_bytes))',
              legend: '{{group}}',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'How far back one can go',
          description: 'Age of the oldest good backup.',
          unit: 's',
          runbook: 'retention-gap',
          queries: [
            {
              expr: 'time() - max by (group) (ops_retention_oldest_timestamp_seconds)',
              legend: '{{group}}',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Removed in a day',
          description: 'And what could not be removed.',
          unit: 'short',
          runbook: 'retention-failing',
          queries: [
            {
              expr: 'sum by (group) (increase(ops_retention_deleted_total[1d]))',
              legend: '{{group}} removed',
              emptyWhen: 'retention has not run yet',
            },
            {
              expr: 'sum by (group) (increase(ops_retention_failures_total[1d]))',
              legend: '{{group}} failed',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Since retention last ran well',
          description: 'The store grows meanwhile.',
          unit: 's',
          thresholds: { critical: 26 * HOUR },
          runbook: 'retention-failing',
          queries: [
            {
              expr: 'time() - max(ops_retention_last_success_timestamp_seconds > 0)',
              legend: 'last run',
              emptyWhen: 'retention has not run yet',
            },
          ],
        },
      ],
    },
  ],
}
