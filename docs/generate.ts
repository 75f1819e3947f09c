/**
 * The two pages that are made from the code: `node docs/generate.ts` writes them, and a test compares
 * them with what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CERT_PROBE_ERROR_CODES } from '@ops/cert-probe'
import { registerCertProbeMetrics } from '@ops/cert-probe/prometheus'
import { objectStoreErrorCodes } from '@ops/object-store'
import { backupErrorCodes } from '@ops/pg-backup'
import { archiveErrorCodes } from '@ops/pg-backup/archive'
import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { PGBOUNCER_AUDIT_ERROR_CODES } from '@ops/pgbouncer-audit'
import { PGBOUNCER_STATS_ERROR_CODES } from '@ops/pgbouncer-stats'
import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
import { restoreVerifyErrorCodes } from '@ops/restore-verify'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { RETENTION_ERROR_CODES } from '@ops/s3-retention'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import * as client from '@prometheus-io/client'
import { createJobMetrics } from '../packages/internal-jobs/src/job-metrics.ts'

const own = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const MADE =
  '<!-- Made from the code by `node docs/generate.ts`; a test fails when it is not what that would write. -->'

/** The cells of each row of a README's tables, without the first, by what stands in the first as code. */
async function tableRows(folder: string): Promise<Map<string, string[]>> {
  const readme = await readFile(own(`../${folder}/README.md`), 'utf8')
  const rows = readme.matchAll(/^\| `(\w+)(?:\{\w+\})?` *\|(.*)\|$/gm)
  return new Map(
    Array.from(rows, ([, key, cells]) => [key!, cells!.split(/(?<!\\)\|/).map((cell) => cell.trim())]),
  )
}

const ERRORS: readonly { readonly folder: string; readonly codes: readonly string[] }[] = [
  { folder: 'packages/object-store', codes: objectStoreErrorCodes },
  { folder: 'packages/pg-backup', codes: [...backupErrorCodes, ...archiveErrorCodes] },
  { folder: 'packages/restore-verify', codes: restoreVerifyErrorCodes },
  { folder: 'packages/s3-retention', codes: RETENTION_ERROR_CODES },
  { folder: 'packages/pgbouncer-stats', codes: PGBOUNCER_STATS_ERROR_CODES },
  { folder: 'packages/pgbouncer-audit', codes: PGBOUNCER_AUDIT_ERROR_CODES },
  { folder: 'packages/cert-probe', codes: CERT_PROBE_ERROR_CODES },
]

/** docs/errors.md: every code that the packages can give, and what their READMEs say of it. */
export async function errorsPage(): Promise<string> {
  const sections = await Promise.all(
    ERRORS.map(async ({ folder, codes }) => {
      const rows = await tableRows(folder)
      const explained = codes.map((code) => {
        const [meaning, advice = ''] = rows.get(code) ?? []
        if (meaning === undefined) throw new Error(`the README in ${folder} does not explain ${code}`)
        return [`\`${code}\``, meaning, advice]
      })
      return `## @ops/${basename(folder)}\n\n${table(['code', 'meaning', 'what to do'], explained)}`
    }),
  )
  return `${MADE}

# Errors

Every failure of a package is an error with a literal \`code\`, a \`cause\` and typed \`details\`; of a command it is one line on stderr, \`what: detail [CODE]\`. Match on the code, never on the message. A call that was aborted rejects with \`signal.reason\` instead.

All commands end with 0 when they are done, 1 when they failed, 2 for bad usage, 3 when they are done and have found something; stopped by a signal, with 128 and its number. \`cert-probe check\` also has 4: something is critical.

${sections.join('\n\n')}
`
}

interface Registered {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames?: readonly string[]
}

/** What registering the metrics of a package puts on an empty registry. */
function registered(register: (registry: client.Registry) => void): Registered[] {
  const registry = new client.Registry()
  register(registry)
  return registry.getMetricsAsArray()
}

const METRICS: readonly {
  readonly folder: string
  readonly about: string
  readonly register: (registry: client.Registry) => void
}[] = [
  {
    folder: 'packages/pg-backup',
    about: '`createBackupMetrics`; which of them are known after a restart, its README says.',
    register: (registry) => void createBackupMetrics({ client, registry }),
  },
  {
    folder: 'packages/restore-verify',
    about: '`createRestoreVerifyMetrics`: the last drill of each database.',
    register: (registry) => void createRestoreVerifyMetrics({ client, registry }),
  },
  {
    folder: 'packages/s3-retention',
    about: '`createRetentionMetrics`: the last run. A `group` is the folder above the sets.',
    register: (registry) => void createRetentionMetrics({ client, registry }),
  },
  {
    folder: 'packages/pgbouncer-stats',
    about:
      '`registerPgBouncerMetrics`, and `/metrics` of `pgbouncer-stats serve`. With `compat` a scrape has `pgbouncer_stats_…` (0.10), `pgbouncer_stats_totals_…` (0.12) or both. Labels: of `pgbouncer_pools_…` `database` and `user`; of `pgbouncer_stats_…` `database`; of `pgbouncer_databases_…` `name`, `host`, `port`, `database`, `force_user` and `pool_mode`; with several targets `pgbouncer` besides.',
    register: (registry) =>
      registerPgBouncerMetrics({ registry, targets: { host: 'localhost', port: 6432, user: 'stats' } }),
  },
  {
    folder: 'packages/cert-probe',
    about:
      '`registerCertProbeMetrics`, and `/metrics` of `cert-probe serve`. All are gauges by `target` and `location`. `probe_…` mean what they mean in blackbox_exporter, `ssl_…` what they mean in ssl_exporter.',
    register: (registry) => registerCertProbeMetrics({ client, registry, monitor: { reports: () => [] } }),
  },
  {
    folder: 'examples/ops-worker',
    about:
      'On `/metrics` of the worker, along with all of the above. `database` is empty for jobs that are not about one. Prometheus has a label `job` of its own, and calls this one `exported_job` unless `honor_labels` is set.',
    register: (registry) => void createJobMetrics(registry),
  },
]

/** docs/metrics.md: every metric that the packages and the worker register. */
export async function metricsPage(): Promise<string> {
  const sections = await Promise.all(
    METRICS.map(async ({ folder, about, register }) => {
      const readme = await tableRows(folder)
      const rows = registered(register).map(({ name, help, type, labelNames = [] }) => {
        const meaning = help.startsWith('See the README') ? (readme.get(name)?.at(-1) ?? '') : help
        const labels = labelNames.map((label) => `\`${label}\``).join(', ')
        return [`\`${name}\``, type, meaning.replace(/\.$/, ''), labels]
      })
      const hasLabels = rows.some((row) => row.at(-1) !== '')
      const head = ['metric', 'type', 'meaning', ...(hasLabels ? ['labels'] : [])]
      return `## @ops/${basename(folder)}\n\n${about}\n\n${table(head, rows)}`
    }),
  )
  return `${MADE}

# Metrics

What each package's \`./prometheus\` registers on a registry of \`prom-client\` or \`@prometheus-io/client\` that is passed in. Units are seconds and bytes; label sets are bounded by what there is: databases, pools, targets. Alerts on them are in \`docker/prometheus/alerts\`, each with a [runbook](runbooks).

${sections.join('\n\n')}
`
}

/** A table as the formatter writes it: columns padded to the widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_cell, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => cells[column]!.padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

if (import.meta.main) {
  await writeFile(own('errors.md'), await errorsPage())
  await writeFile(own('metrics.md'), await metricsPage())
}
