import * as successor from '@prometheus-io/client'
import * as promClient from 'prom-client'
import { describe, expect, it } from 'vitest'
import {
  applyRetention,
  planRetention,
  scanSets,
  type ApplyResult,
  type RetentionPlan,
} from '../src/index.ts'
import { createRetentionMetrics, type RetentionMetrics } from '../src/prometheus.ts'
import { createBackupFolder, NOW } from './backup-folder.ts'

const planOf = (group: string, now: Date): RetentionPlan =>
  planRetention([{ id: group, group, time: '2026-11-20T00:00:00Z', bytes: 1 }], { last: 1 }, { now })

interface Started {
  readonly metrics: RetentionMetrics
  readonly read: () => Promise<string>
}

function withPromClient(): Started {
  const registry = new promClient.Registry()
  return {
    metrics: createRetentionMetrics({ client: promClient, registry }),
    read: async () => await registry.metrics(),
  }
}

function withSuccessor(): Started {
  const registry = new successor.Registry()
  return {
    metrics: createRetentionMetrics({ client: successor, registry }),
    read: async () => await registry.metrics(),
  }
}

describe.each([
  ['prom-client', withPromClient],
  ['@prometheus-io/client', withSuccessor],
])('metrics with %s', (_, start) => {
  it('show what is left, what was done, and what is missing', async () => {
    await using folder = await createBackupFolder()
    const { store } = folder
    await folder.writeDaily(5)
    await folder.writeSet(new Date('2026-11-15T11:00:00Z'))
    await folder.writeSet(new Date('2026-11-16T11:00:00Z'), { verdict: 'disproven' })
    await folder.writeSet(new Date('2026-11-21T11:30:00Z'), { manifest: false })
    const { items } = await scanSets({ store })
    const plan = planRetention(
      items,
      { last: 4, daily: 4 },
      { now: NOW, gaps: { period: 'day', periods: 6 } },
    )
    const result = await applyRetention(plan, { store, scan: async () => await scanSets({ store }) })

    const { metrics, read } = start()
    metrics.record({ plan, result })
    const text = await read()
    const group = 'group="main/logical/app"'
    expect(text).toContain(`ops_retention_items{${group},state="good"} 4`)
    expect(text).toContain(`ops_retention_items{${group},state="broken"} 0`)
    expect(text).toContain(`ops_retention_items{${group},state="unpublished"} 1`)
    expect(text).toContain(`ops_retention_bytes{${group},state="unpublished"} 11`)
    expect(text).toContain(`ops_retention_deleted_total{${group}} 3`)
    expect(text).toContain(`ops_retention_failures_total{${group}} 0`)
    expect(text).toContain(`ops_retention_gap_periods{${group}} 1`)
    expect(text).toContain(
      `ops_retention_newest_timestamp_seconds{${group}} ${Date.parse('2026-11-21T11:00:00Z') / 1000}`,
    )
    expect(text).toContain(
      `ops_retention_oldest_timestamp_seconds{${group}} ${Date.parse('2026-11-18T11:00:00Z') / 1000}`,
    )
    expect(text).toContain(`ops_retention_last_success_timestamp_seconds ${NOW.getTime() / 1000}`)
  })

  it('forget groups that are gone, and keep the time of the last success when a run fails', async () => {
    const { metrics, read } = start()
    const failed: ApplyResult = {
      items: [{ id: 'x', group: 'new', bytes: 1, outcome: 'failed' }],
      keys: [],
      deleted: { items: 0, bytes: 0 },
      failures: 1,
    }
    metrics.record({ plan: planOf('old', NOW), result: { ...failed, items: [], failures: 0 } })
    metrics.record({ plan: planOf('new', new Date(NOW.getTime() + 60_000)), result: failed })
    const text = await read()
    expect(text).not.toContain('ops_retention_items{group="old"')
    expect(text).toContain('ops_retention_items{group="new",state="good"} 1')
    expect(text).toContain('ops_retention_failures_total{group="new"} 1')
    expect(text).toContain(`ops_retention_last_success_timestamp_seconds ${NOW.getTime() / 1000}`)
  })
})
