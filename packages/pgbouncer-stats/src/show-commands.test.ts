import { existsSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SHOW_COMMANDS } from './show-commands.ts'

const answer = (
  columns: string[],
  ...rows: (string | null)[][]
): { columns: string[]; rows: (string | null)[][] } => ({
  columns,
  rows,
})

describe('rows of SHOW commands', () => {
  it('turns whole microseconds into seconds with their fraction', () => {
    const [pool] = SHOW_COMMANDS.pools.rows(
      answer(['database', 'maxwait', 'maxwait_us'], ['app', '3', '250000']),
    )
    expect(pool).toMatchObject({ database: 'app', maxWaitSeconds: 3.25 })
  })

  it('reads a 1.12 row, which lacks columns of today, as null', () => {
    const [pool] = SHOW_COMMANDS.pools.rows(answer(['database', 'user', 'cl_active'], ['app', 'joe', '2']))
    expect(pool).toMatchObject({ clActive: 2, svBeingCanceled: null, loadBalanceHosts: null })
  })

  it('keeps a column that is not invented yet, by its own name', () => {
    const [pool] = SHOW_COMMANDS.pools.rows(answer(['cl_dreaming', 'database', 'user'], ['7', 'app', 'joe']))
    expect(pool).toMatchObject({ database: 'app', user: 'joe', extra: { cl_dreaming: '7' } })
  })

  it('reads reserve_pool and reserve_pool_size alike', () => {
    for (const column of ['reserve_pool', 'reserve_pool_size']) {
      expect(SHOW_COMMANDS.databases.rows(answer(['name', column], ['app', '4']))[0]?.reservePoolSize).toBe(4)
    }
  })

  it('reads the number that SHOW USERS pads with spaces, and nothing where it is empty', () => {
    const users = SHOW_COMMANDS.users.rows(answer(['name', 'pool_size'], ['a', '       5'], ['b', '']))
    expect(users.map(({ poolSize }) => poolSize)).toEqual([5, null])
  })

  it('separates totals from averages in SHOW STATS', () => {
    const [row] = SHOW_COMMANDS.stats.rows(
      answer(
        ['database', 'total_query_count', 'total_received', 'avg_query_count', 'avg_recv', 'total_moons'],
        ['app', '10', '20', '1', '2', '9'],
      ),
    )
    expect(row).toMatchObject({
      total: { queryCount: 10, bytesReceived: 20 },
      average: { queryCount: 1, bytesReceived: 2 },
      extra: { total_moons: '9' },
    })
  })

  it('loses nothing of a counter, however large', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 80n }), (value) => {
        const [row] = SHOW_COMMANDS.totals.rows(answer(['name', 'value'], ['total_sent', String(value)]))
        expect(BigInt(row!.value)).toBe(value)
      }),
    )
  })

  it('gives seconds to the microsecond for any time that a process can live', () => {
    fc.assert(
      fc.property(fc.nat({ max: 3_000_000_000 }), fc.nat({ max: 999_999 }), (seconds, micros) => {
        const total = BigInt(seconds) * 1_000_000n + BigInt(micros)
        const [row] = SHOW_COMMANDS.statsTotals.rows(answer(['database', 'query_time'], ['a', String(total)]))
        expect(row!.queryTimeSeconds).toBeCloseTo(seconds + micros / 1e6, 6)
      }),
    )
  })

  const facts = new URL('../../../../shared/facts/show-columns-by-version.json', import.meta.url)
  it('knows every column of every release from 1.12 on', (context) => {
    if (!existsSync(facts)) context.skip('the table of columns is not here')
    const versions = JSON.parse(readFileSync(facts, 'utf8')) as Record<
      string,
      { columns: Record<string, { name: string }[]> }
    >
    for (const [version, { columns }] of Object.entries(versions)) {
      if (/^1\.(8|9|10|11)\./.test(version)) continue
      for (const show of Object.values(SHOW_COMMANDS)) {
        const { command } = show
        const names = columns[command.slice('SHOW '.length)]?.map(({ name }) => name)
        // Buffer positions of sockets are for PgBouncer's own developers, and stay in extra.
        if (names === undefined || command.endsWith('SOCKETS')) continue
        const [row] = show.rows(
          answer(
            names,
            names.map(() => '1'),
          ),
        )
        expect(row?.extra, `${version} ${command}`).toEqual({})
      }
    }
  })
})
