/**
 * PgBouncer's metrics on a registry of prom-client or @prometheus-io/client, which is passed in.
 * @module @ops/pgbouncer-stats/prometheus
 */
import { collectTargets, openTargets } from './collect-targets.ts'
import type { CollectOptions } from './collect-metrics.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { describeMetrics } from './describe-metrics.ts'
import type { MetricFamily } from './metric-family.ts'
import type { MetricType } from './metric-map.ts'

export type { ConnectionOptions, SslMode } from './connection-options.ts'
export type { RowFilterOptions } from './row-filter.ts'
export type { CollectOptions, Compat } from './collect-metrics.ts'

/** What a registry asks of a metric. */
interface RegisteredMetric {
  name: string
  help: string
  type: string
  get(): Promise<{
    name: string
    help: string
    type: string
    values: { labels: Record<string, string>; value: number }[]
    aggregator: string
  }>
  reset(): void
}

/** The slice of a registry that is needed; both packages' `Registry` fit. */
export interface MetricRegistry {
  /** Puts a metric on the registry. */
  // oxlint-disable-next-line typescript/no-explicit-any -- both packages declare a type of their own here
  registerMetric(metric: any): void
  /** Takes the metric of this name off it. */
  removeSingleMetric(name: string): void
}

/** Options of {@link registerPgBouncerMetrics}. */
export interface RegisterOptions extends CollectOptions {
  /** Where the metrics are registered. */
  readonly registry: MetricRegistry
  /** One PgBouncer, without a label of its own; or several, by the value of the label `pgbouncer`. */
  readonly targets: ConnectionOptions | Readonly<Record<string, ConnectionOptions>>
}

/** Metrics that stand on a registry. */
export interface RegisteredPgBouncer {
  /** Takes the metrics off the registry, and closes the connections. */
  unregister(): void
}

/**
 * Registers PgBouncer's metrics. They are read when the registry is scraped: one read for all of
 * them, bounded by `timeoutMs`. A PgBouncer that cannot be reached is `pgbouncer_up 0`.
 *
 * @example
 * ```ts
 * import { Registry } from 'prom-client'
 * import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
 *
 * const registry = new Registry()
 * const registered = registerPgBouncerMetrics({ registry, targets: { host: 'localhost', user: 'stats' } })
 * console.log(await registry.metrics())
 * registered.unregister()
 * ```
 */
export function registerPgBouncerMetrics(options: RegisterOptions): RegisteredPgBouncer {
  const { registry, targets, ...collect } = options
  const consoles = openTargets(targets)
  let reading: Promise<ReadonlyMap<string, MetricFamily>> | undefined
  // A registry asks all its metrics at once; they share the read that the first of them began.
  const read = (): Promise<ReadonlyMap<string, MetricFamily>> => {
    reading ??= collectTargets(consoles, collect)
      .then((families) => new Map(families.map((family) => [family.name, family])))
      .finally(() => {
        reading = undefined
      })
    return reading
  }
  const metrics = describeMetrics().map(({ name, help, type }) => registeredMetric(name, help, type, read))
  const names = metrics.map(({ name }) => name)
  for (const metric of metrics) registry.registerMetric(metric)
  return {
    unregister: () => {
      for (const name of names) registry.removeSingleMetric(name)
      for (const { console: each } of consoles) each.close()
    },
  }
}

function registeredMetric(
  name: string,
  help: string,
  type: MetricType,
  read: () => Promise<ReadonlyMap<string, MetricFamily>>,
): RegisteredMetric {
  const metric: RegisteredMetric = {
    name,
    help,
    type,
    async get() {
      const samples = (await read()).get(name)?.samples ?? []
      const values = samples.map(({ labels, value }) => ({ labels: { ...labels.values }, value }))
      // `metric.name` and not `name`: for OpenMetrics a registry takes the `_total` away, and puts it back.
      return { name: metric.name, help, type, values, aggregator: 'first' }
    },
    reset: () => undefined,
  }
  return metric
}
