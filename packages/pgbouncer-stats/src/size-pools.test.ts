import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sizePools, type SizePoolsInput } from './size-pools.ts'

const codes = (input: SizePoolsInput): string[] => sizePools(input).warnings.map(({ code }) => code)

describe('sizePools', () => {
  it('shares what the cores can work on among the pools', () => {
    const { settings, worstCase, budget, arithmetic } = sizePools({
      cpuCores: 8,
      maxConnections: 100,
      databases: 2,
      appInstances: 4,
    })
    expect(settings).toMatchObject({ default_pool_size: 8, reserve_pool_size: 2, max_db_connections: 10 })
    expect(worstCase).toBeLessThanOrEqual(budget)
    expect(arithmetic.join('\n')).toContain('8 cores × 2 + 1 = 17')
  })

  it('warns where clients can only wait for each other', () => {
    expect(codes({ cpuCores: 2, maxConnections: 100, appInstances: 20, appPoolMax: 20 })).toContain(
      'app-pool-too-large',
    )
    expect(codes({ cpuCores: 2, maxConnections: 100, appInstances: 2, appPoolMax: 5 })).toEqual([])
  })

  it('warns where there are more pools than connections', () => {
    expect(codes({ cpuCores: 2, maxConnections: 20, databases: 20, users: 5 })).toEqual(
      expect.arrayContaining(['too-many-pools', 'over-max-connections'] satisfies string[]),
    )
  })

  it("never exceeds PostgreSQL's limit without a warning, and never gives a size of nothing", () => {
    const count = fc.integer({ min: 1, max: 60 })
    fc.assert(
      fc.property(
        fc.record({
          cpuCores: count,
          maxConnections: fc.integer({ min: 1, max: 1000 }),
          reserved: fc.integer({ min: 0, max: 50 }),
          databases: count,
          users: count,
          pgbouncers: fc.integer({ min: 1, max: 4 }),
          appInstances: count,
          appPoolMax: fc.integer({ min: 0, max: 100 }),
        }),
        (input) => {
          const { settings, worstCase, budget, warnings, app } = sizePools(input)
          const { databases, users, pgbouncers } = input
          const pool = settings.default_pool_size + settings.reserve_pool_size
          const possible = pgbouncers * databases * Math.min(users * pool, settings.max_db_connections)
          expect(worstCase).toBe(possible)
          expect(possible <= budget || warnings.some(({ code }) => code === 'over-max-connections')).toBe(
            true,
          )
          expect(
            Math.min(
              settings.default_pool_size,
              settings.max_db_connections,
              settings.max_client_conn,
              app.poolMax,
            ),
          ).toBeGreaterThanOrEqual(1)
          expect(settings.min_pool_size).toBeLessThanOrEqual(settings.default_pool_size)
        },
      ),
    )
  })

  it.each<[string, Partial<SizePoolsInput>]>([
    ['no cores', { cpuCores: 0 }],
    ['half a database', { databases: 0.5 }],
    ['negative reserves', { reserved: -1 }],
    ['not a number', { maxConnections: Number.NaN }],
    ['a share of nothing', { transactionShare: 0 }],
  ])('refuses %s', (_what, wrong) => {
    expect(() => sizePools({ cpuCores: 4, maxConnections: 100, ...wrong })).toThrow(
      expect.objectContaining({ code: 'PGBOUNCER_BAD_OPTIONS' }) as Error,
    )
  })
})
