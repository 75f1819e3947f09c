/**
 * The last reports of a monitor as metrics, on a registry that is passed in.
 * @module @ops/cert-probe/prometheus
 */
import type { Discovery } from './discovery.ts'
import { mergeMetrics, type Metric } from './exposition.ts'
import { discoveryMetrics, monitorMetrics } from './monitor-metrics.ts'
import type { Monitor } from './monitor.ts'

/** What is used of a gauge of `prom-client` or `@prometheus-io/client`. */
export interface GaugeLike {
  /** Forgets all series. */
  reset(): void
  /** Sets one series. */
  set(labels: Record<string, string>, value: number): void
}

/** What is used of the client library; passed in, so that the registry is the caller's own. */
export interface ClientLike<Registry> {
  readonly Gauge: new (configuration: {
    name: string
    help: string
    labelNames: string[]
    registers: Registry[]
    collect: () => void
  }) => GaugeLike
}

/** Options of {@link registerCertProbeMetrics}. */
export interface RegisterOptions<Registry> {
  /** The module `prom-client` or `@prometheus-io/client`, whose classes make the metrics. */
  readonly client: ClientLike<Registry>
  /** Where the metrics are registered. */
  readonly registry: Registry
  /** Whose last reports are shown. */
  readonly monitor: Pick<Monitor, 'reports'>
  /** Whose sources are shown as good or failed. */
  readonly discovery?: Pick<Discovery, 'sources'>
}

const PLACE = ['target', 'location']
const CERTIFICATE = [...PLACE, 'serial_no', 'issuer_cn', 'cn', 'dnsnames', 'ips', 'emails', 'ou']
const FILE = ['file', ...CERTIFICATE]
const KUBERNETES = ['namespace', 'secret', 'key', ...CERTIFICATE]
const KUBECONFIG = ['kubeconfig', 'name', 'type', ...CERTIFICATE]

/** Every family, and the names of its labels. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  probe_success: PLACE,
  probe_duration_seconds: PLACE,
  probe_dns_lookup_time_seconds: PLACE,
  probe_ip_addr_hash: PLACE,
  probe_ip_protocol: PLACE,
  probe_ssl_earliest_cert_expiry: PLACE,
  probe_ssl_last_chain_expiry_timestamp_seconds: PLACE,
  probe_ssl_last_chain_info: [
    ...PLACE,
    'fingerprint_sha256',
    'subject',
    'issuer',
    'subjectalternative',
    'serialnumber',
  ],
  probe_tls_version_info: [...PLACE, 'version'],
  probe_tls_cipher_info: [...PLACE, 'cipher'],
  ssl_probe_success: PLACE,
  ssl_prober: [...PLACE, 'prober'],
  ssl_tls_version_info: [...PLACE, 'version'],
  ssl_cert_not_after: CERTIFICATE,
  ssl_cert_not_before: CERTIFICATE,
  ssl_verified_cert_not_after: ['chain_no', ...CERTIFICATE],
  ssl_verified_cert_not_before: ['chain_no', ...CERTIFICATE],
  ssl_file_cert_not_after: FILE,
  ssl_file_cert_not_before: FILE,
  ssl_kubernetes_cert_not_after: KUBERNETES,
  ssl_kubernetes_cert_not_before: KUBERNETES,
  ssl_kubeconfig_cert_not_after: KUBECONFIG,
  ssl_kubeconfig_cert_not_before: KUBECONFIG,
  ssl_ocsp_response_stapled: PLACE,
  ssl_ocsp_response_status: PLACE,
  ssl_ocsp_response_produced_at: PLACE,
  ssl_ocsp_response_this_update: PLACE,
  ssl_ocsp_response_next_update: PLACE,
  ssl_ocsp_response_revoked_at: PLACE,
  ops_cert_expiry_timestamp_seconds: PLACE,
  ops_cert_renewal_due_timestamp_seconds: PLACE,
  ops_cert_problem: [...PLACE, 'problem', 'severity'],
  ops_cert_probe_failure: [...PLACE, 'phase', 'code'],
  ops_cert_probe_last_run_timestamp_seconds: PLACE,
  ops_cert_discovery_success: ['source'],
}

/**
 * Puts the last reports of a monitor on a registry; they are read whenever it is scraped.
 *
 * @example
 * ```ts
 * import * as client from 'prom-client'
 * import { createMonitor } from '@ops/cert-probe'
 * import { registerCertProbeMetrics } from '@ops/cert-probe/prometheus'
 *
 * const registry = new client.Registry()
 * const monitor = createMonitor({ targets: ['example.com'] })
 * registerCertProbeMetrics({ client, registry, monitor })
 * monitor.start()
 * console.log(await registry.metrics())
 * ```
 */
export function registerCertProbeMetrics<Registry>({
  client,
  registry,
  monitor,
  discovery,
}: RegisterOptions<Registry>): void {
  let collected: ReadonlyMap<string, Metric> | undefined
  // One look serves all the families of a scrape, which are collected in one go.
  const collectOnce = (): ReadonlyMap<string, Metric> => {
    if (collected === undefined) {
      const metrics = [...monitorMetrics(monitor.reports()), ...discoveryMetrics(discovery?.sources() ?? [])]
      collected = new Map(mergeMetrics(metrics).map((metric) => [metric.name, metric]))
      queueMicrotask(() => {
        collected = undefined
      })
    }
    return collected
  }
  for (const [name, labelNames] of Object.entries(FAMILIES)) {
    const gauge: GaugeLike = new client.Gauge({
      name,
      help: `See the README of @ops/cert-probe`,
      labelNames: [...labelNames],
      registers: [registry],
      collect: () => {
        gauge.reset()
        for (const { labels, value } of collectOnce().get(name)?.samples ?? []) gauge.set(labels, value)
      },
    })
  }
}

/** The names of all families, as `registerCertProbeMetrics` registers them. */
export const CERT_PROBE_METRIC_NAMES: readonly string[] = Object.keys(FAMILIES)
