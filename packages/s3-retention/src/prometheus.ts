/**
 * What retention did as metrics, on a registry that is passed in.
 * @module @ops/s3-retention/prometheus
 */
import type { ApplyResult } from './apply.ts'
import type { RetentionDecision, RetentionPlan } from './plan.ts'

type Labels = Record<string, string>

interface MetricOptions<Registry> {
  name: string
  help: string
  labelNames: string[]
  registers: Registry[]
}

interface Gauge {
  set(labels: Labels, value: number): void
  reset(): void
}

interface Counter {
  inc(labels: Labels, value: number): void
}

/** The part of `prom-client`, or of `@prometheus-io/client`, that is used. Pass the whole module. */
export interface MetricsClient<Registry> {
  readonly Gauge: new (options: MetricOptions<Registry>) => Gauge
  readonly Counter: new (options: MetricOptions<Registry>) => Counter
}

/** Options of {@link createRetentionMetrics}. */
export interface RetentionMetricsOptions<Registry> {
  /** The module `prom-client` or `@prometheus-io/client`, whose classes make the metrics. */
  readonly client: MetricsClient<Registry>
  /** A registry of the same client. */
  readonly registry: Registry
}

/** Metrics that show the last run. */
export interface RetentionMetrics {
  /** Shows what a run found and did: the plan, and the result when it was carried out. */
  record(run: { readonly plan: RetentionPlan; readonly result?: ApplyResult }): void
}

/**
 * Registers the `ops_retention_…` metrics on a registry. They show the last run that was recorded;
 * one label value for each group and state, so keep the groups few.
 *
 * @example
 * ```ts
 * import * as client from 'prom-client'
 * import { fileStore } from '@ops/object-store'
 * import { parsePolicy, planRetention, scanSets } from '@ops/s3-retention'
 * import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
 *
 * const registry = new client.Registry()
 * const metrics = createRetentionMetrics({ client, registry })
 * const { items } = await scanSets({ store: fileStore({ folder: '/backups' }) })
 * metrics.record({ plan: planRetention(items, parsePolicy('keep 30d'), { now: new Date() }) })
 * console.log(await registry.metrics())
 * ```
 */
export function createRetentionMetrics<Registry>({
  client,
  registry,
}: RetentionMetricsOptions<Registry>): RetentionMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
    new client.Gauge({ name: `ops_retention_${name}`, help, labelNames, registers })
  const counter = (name: string, help: string): Counter =>
    new client.Counter({ name: `ops_retention_${name}`, help, labelNames: ['group'], registers })

  const items = gauge('items', 'Items there after the last run, by state: good, broken or unpublished.', [
    'group',
    'state',
  ])
  const bytes = gauge('bytes', 'Stored bytes of these items.', ['group', 'state'])
  const oldest = gauge('oldest_timestamp_seconds', 'Time of the oldest good item.', ['group'])
  const newest = gauge('newest_timestamp_seconds', 'Time of the newest good item.', ['group'])
  const gapPeriods = gauge('gap_periods', 'Periods within the window that have no good item.', ['group'])
  const lastSuccess = gauge(
    'last_success_timestamp_seconds',
    'When the last run without a failure was planned; 0 until there was one.',
    [],
  )
  const deleted = counter('deleted_total', 'Items deleted.')
  const failures = counter('failures_total', 'Items that could not be deleted.')

  return {
    record({ plan, result }) {
      const left = whatIsLeft(plan, result)
      for (const each of [items, bytes, oldest, newest, gapPeriods]) each.reset()
      for (const { group } of plan.groups) {
        const decisions = left.get(group) ?? []
        for (const state of ['good', 'broken', 'unpublished'] as const) {
          const inState = decisions.filter((decision) => decision.state === state)
          items.set({ group, state }, inState.length)
          bytes.set(
            { group, state },
            inState.reduce((sum, { item }) => sum + item.bytes, 0),
          )
        }
        const good = decisions.filter(({ state }) => state === 'good')
        if (good.length > 0) {
          newest.set({ group }, Date.parse(good[0]!.item.time) / 1000)
          oldest.set({ group }, Date.parse(good.at(-1)!.item.time) / 1000)
        }
        deleted.inc({ group }, countOf(result, group, 'deleted'))
        failures.inc({ group }, countOf(result, group, 'failed'))
      }
      for (const { group, missing } of plan.gaps) gapPeriods.set({ group }, missing)
      if (result?.failures === 0) lastSuccess.set({}, Date.parse(plan.now) / 1000)
    },
  }
}

/** The plan's items that the run did not remove, by group, the newest first. */
function whatIsLeft(plan: RetentionPlan, result: ApplyResult | undefined): Map<string, RetentionDecision[]> {
  const isGone = new Set(
    result?.items.filter(({ outcome }) => outcome === 'deleted' || outcome === 'gone').map(({ id }) => id),
  )
  return Map.groupBy(
    plan.decisions.filter(({ item }) => !isGone.has(item.id)),
    ({ item }) => item.group,
  )
}

function countOf(result: ApplyResult | undefined, group: string, outcome: 'deleted' | 'failed'): number {
  return result?.items.filter((item) => item.group === group && item.outcome === outcome).length ?? 0
}
