import { describe, expect, it } from 'vitest'
import type { BackupMeasures } from '../backup-measures.ts'
import { describeDump, estimate } from './create-progress.ts'

const LAST: BackupMeasures = {
  cluster: 'main',
  database: 'app',
  id: '20261120T020000Z-4fk2q9',
  finishedAt: '2026-11-20T02:10:00.000Z',
  durationSeconds: 600,
  rawBytes: 1_000_000,
  storedBytes: 200_000,
}

const at = (rawBytes: number) =>
  ({
    phase: 'dump',
    rawBytes,
    storedBytes: 102_400,
    rows: 1234,
    tablesDone: 2,
    tablesTotal: 12,
    table: { schema: 'public', name: 'orders' },
  }) as const

describe('the estimate', () => {
  it('is by the last backup, at the rate so far', () => {
    expect(estimate(at(250_000), LAST, 10_000)).toEqual({
      from: LAST.id,
      rawBytes: 1_000_000,
      remainingMs: 30_000,
    })
    expect(estimate(at(1_000_000), LAST, 10_000)).toMatchObject({ remainingMs: 0 })
  })

  it('has no time before the first byte', () => {
    expect(estimate(at(0), LAST, 10_000)).toEqual({ from: LAST.id, rawBytes: 1_000_000 })
  })

  it('is none without a last backup, and when this one has outgrown it', () => {
    expect(estimate(at(1), undefined, 10_000)).toBeUndefined()
    expect(estimate(at(1_000_001), LAST, 10_000)).toBeUndefined()
  })
})

it('the line says how much of the last backup is done, and at what the dump is', () => {
  const progress = at(512_000)
  expect(describeDump(progress, estimate(progress, LAST, 10_000))).toEqual({
    doing: 'dumping',
    done: 512_000,
    total: 1_000_000,
    isEstimate: true,
    details: ['1,234 rows', 'table 2/12 public.orders', '100.0 KiB stored'],
  })
  const { total, details } = describeDump(
    { ...progress, tablesTotal: undefined, table: undefined },
    undefined,
  )
  expect([total, details?.[1]]).toEqual([undefined, 'table 2'])
})
