import { blackboxMetrics, seconds, type SuccessPolicy } from './blackbox-metrics.ts'
import { withLabels, type Metric } from './exposition.ts'
import type { DiscoverySource } from './discovery.ts'
import type { EndpointReport, ProbeReport } from './report.ts'
import { sslExporterMetrics } from './ssl-exporter-metrics.ts'

/**
 * The metrics of many targets: those of blackbox_exporter and of ssl_exporter with the labels `target`
 * and `location` in front, and what neither has. Families come once for each target: see `mergeMetrics`.
 */
export function monitorMetrics(reports: readonly ProbeReport[], policy: SuccessPolicy = {}): Metric[] {
  return reports.flatMap(({ target, startedAt, endpoints }) =>
    endpoints.flatMap((endpoint) => {
      const prober = endpoint.origin?.kind ?? 'tcp'
      const metrics = [
        ...(endpoint.origin === undefined ? blackboxMetrics(endpoint, policy) : []),
        ...sslExporterMetrics([endpoint], prober, policy),
        ...ownMetrics(endpoint, startedAt),
      ]
      return withLabels(metrics, { target, location: endpoint.location })
    }),
  )
}

/** Whether the sources of targets can be read: a target that is not found is not probed either. */
export function discoveryMetrics(
  sources: readonly { readonly source: DiscoverySource; readonly isFine: boolean }[],
): Metric[] {
  const samples = sources.map(({ source, isFine }) => ({ labels: { source }, value: isFine ? 1 : 0 }))
  return [{ name: 'ops_cert_discovery_success', help: 'Whether a source of targets could be read', samples }]
}

function ownMetrics({ verdict, failure }: EndpointReport, startedAt: string): Metric[] {
  const lastRun = own(
    'ops_cert_probe_last_run_timestamp_seconds',
    'When it was probed last',
    seconds(startedAt),
  )
  const failures =
    failure === undefined ? [] : [{ labels: { phase: failure.phase, code: failure.code }, value: 1 }]
  const failed = {
    name: 'ops_cert_probe_failure',
    help: 'Why a probe did not come to its end',
    samples: failures,
  }
  if (verdict === undefined) return [lastRun, failed]
  return [
    lastRun,
    failed,
    own(
      'ops_cert_expiry_timestamp_seconds',
      'When clients start to reject what is presented',
      seconds(verdict.expiresAt),
    ),
    own(
      'ops_cert_renewal_due_timestamp_seconds',
      'When the certificate should have been replaced at the latest',
      seconds(verdict.renewal.dueAt),
    ),
    {
      name: 'ops_cert_problem',
      help: 'What is wrong with what is presented',
      samples: verdict.problems.map(({ code, severity }) => ({
        labels: { problem: code, severity },
        value: 1,
      })),
    },
  ]
}

function own(name: string, help: string, value: number): Metric {
  return { name, help, samples: [{ labels: {}, value }] }
}
