import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import { parsePolicy, planRetention } from '@ops/s3-retention'
import * as client from '@prometheus-io/client'
import { expect, it } from 'vitest'
import { showRetention } from './retention.ts'

it('shows no gaps of databases that are gone, whatever a folder is called', async () => {
  const groups = ['main/logical/app%2Fb', 'main/logical/gone', 'main/logical/50%']
  const items = groups.map((group) => ({ id: `${group}/x`, group, time: '2026-11-01T02:00:00Z', bytes: 1 }))
  const plan = planRetention(items, parsePolicy('keep 30d'), { now: new Date('2026-11-21T12:00:00Z') })
  expect(plan.gaps).toHaveLength(3)

  const registry = new client.Registry()
  const databases = { list: () => ['app/b'], isGone: (database: string) => database !== 'app/b' }
  const metrics = {
    backups: createBackupMetrics({ client, registry }),
    drills: createRestoreVerifyMetrics({ client, registry }),
    retention: createRetentionMetrics({ client, registry }),
  }
  showRetention({ databases, metrics }, { plan })
  const shown = (await registry.metrics()).match(/^ops_retention_gap_periods\{.*$/gm)
  expect(shown).toEqual([expect.stringMatching(/group="main\/logical\/app%2Fb"\} \d+$/)])
})
