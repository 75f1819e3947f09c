/** Certificates, by the metrics of @ops/cert-probe. */
import type { DashboardSpec } from './dashboard.ts'

const DAY = 24 * 3600
const TARGET = 'target=~"$target"'
const SOON = { warning: 30 * DAY, critical: 7 * DAY, lowIsBad: true } as const

export const certificates: DashboardSpec = {
  name: 'certificates',
  title: 'Certificates',
  description: 'When which certificate expires, over every address of every target.',
  variables: [{ name: 'target', metric: 'ops_cert_probe_last_run_timestamp_seconds', label: 'target' }],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          title: 'Until the first expires',
          description: 'Then clients start to refuse it.',
          unit: 's',
          thresholds: SOON,
          runbook: 'certificate-expires',
          queries: [{ expr: `min(ops_cert_expiry_timestamp_seconds{${TARGET}}) - time()`, legend: 'left' }],
        },
        {
          kind: 'stat',
          title: 'Until the first renewal is due',
          description: 'When a third of its lifetime is left. Below zero, renewal does not work.',
          unit: 's',
          thresholds: { warning: DAY, critical: 0, lowIsBad: true },
          runbook: 'certificate-renewal-overdue',
          queries: [
            { expr: `min(ops_cert_renewal_due_timestamp_seconds{${TARGET}}) - time()`, legend: 'left' },
          ],
        },
        {
          kind: 'stat',
          title: 'Probes that failed',
          description: 'No certificate could be read; what clients do not trust is among the problems.',
          unit: 'short',
          thresholds: { critical: 1 },
          runbook: 'certificate-probe-failing',
          queries: [
            {
              expr: `sum(max by (target, location) (ops_cert_probe_failure{${TARGET}})) or on () vector(0)`,
              legend: 'failed',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Problems',
          description: 'What is wrong with what is presented: names, chains, revocation, weak keys.',
          unit: 'short',
          thresholds: { warning: 1, critical: 5 },
          runbook: 'certificate-expires',
          queries: [
            {
              expr: `sum(max by (target, location, problem) (ops_cert_problem{${TARGET}})) or on () vector(0)`,
              legend: 'problems',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Since the oldest probe',
          description: 'Whether probes run at all.',
          unit: 's',
          thresholds: { warning: DAY, critical: 2 * DAY },
          runbook: 'certificate-probe-failing',
          queries: [
            {
              expr: `time() - min(ops_cert_probe_last_run_timestamp_seconds{${TARGET}})`,
              legend: 'oldest',
            },
          ],
        },
        {
          kind: 'table',
          title: 'Time left, shortest first',
          description: 'By target, and by the address or file where it was found.',
          unit: 's',
          thresholds: SOON,
          runbook: 'certificate-expires',
          queries: [
            {
              expr: `sort(min by (target, location) (ops_cert_expiry_timestamp_seconds{${TARGET}}) - time())`,
              legend: '{{target}} {{location}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Over time',
      panels: [
        {
          kind: 'series',
          title: 'Time left',
          description: 'A renewal is a step up.',
          unit: 's',
          thresholds: SOON,
          runbook: 'certificate-expires',
          queries: [
            {
              expr: `min by (target) (ops_cert_expiry_timestamp_seconds{${TARGET}}) - time()`,
              legend: '{{target}}',
            },
          ],
        },
        {
          kind: 'series',
          title: 'Duration of probes',
          description: 'From the name’s resolution to the end of the handshake.',
          unit: 's',
          queries: [{ expr: `max by (target) (probe_duration_seconds{${TARGET}})`, legend: '{{target}}' }],
        },
        {
          kind: 'series',
          title: 'TLS versions',
          description: 'What was agreed upon, by the number of addresses.',
          unit: 'short',
          stacked: true,
          queries: [
            { expr: `count by (version) (probe_tls_version_info{${TARGET}})`, legend: '{{version}}' },
          ],
        },
        {
          kind: 'series',
          title: 'Problems',
          description: 'By kind.',
          unit: 'short',
          runbook: 'certificate-expires',
          queries: [
            {
              expr: `sum by (problem, severity) (ops_cert_problem{${TARGET}})`,
              legend: '{{problem}} ({{severity}})',
              emptyWhen: 'nothing is wrong',
            },
          ],
        },
      ],
    },
  ],
}
