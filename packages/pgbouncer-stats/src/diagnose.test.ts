import { describe, expect, it } from 'vitest'
import { diagnose } from './diagnose.ts'
import type { Snapshot } from './read-pgbouncer.ts'
import { renderTop } from './render-top.ts'
import { SHOW_COMMANDS, type ShowName } from './show-commands.ts'

type Cells = Record<string, string | number | null>

/** A snapshot from rows as PgBouncer gives them. */
function snapshot(
  tables: Partial<Record<ShowName, Cells[]>>,
  takenAt = '2026-01-01T00:00:00.000Z',
): Snapshot {
  const rows = Object.entries(tables).map(([name, cells]) => {
    const columns = [...new Set(cells.flatMap((cell) => Object.keys(cell)))]
    const values = cells.map((cell) =>
      columns.map((column) => (cell[column] === null ? null : String(cell[column] ?? ''))),
    )
    return [name, SHOW_COMMANDS[name as ShowName].rows({ columns, rows: values })]
  })
  return {
    takenAt,
    target: 'db:6432',
    version: '1.24.1',
    failures: [],
    ...Object.fromEntries(rows),
  } as Snapshot
}

const database = {
  name: 'app',
  pool_size: 5,
  reserve_pool_size: 0,
  max_connections: 0,
  current_connections: 0,
  paused: 0,
  disabled: 0,
}
const pool = {
  database: 'app',
  user: 'joe',
  cl_active: 5,
  cl_waiting: 0,
  sv_active: 0,
  sv_idle: 0,
  sv_used: 0,
  sv_tested: 0,
  sv_login: 0,
  maxwait: 0,
  maxwait_us: 0,
}
const waiting = { ...pool, cl_waiting: 3, maxwait: 2, maxwait_us: 500_000 }
const of = (cells: Cells, more: Partial<Record<ShowName, Cells[]>> = {}): Snapshot =>
  snapshot({ pools: [cells], databases: [database], ...more })

const at = (time: string, xacts: number, queryTime: number): Snapshot =>
  snapshot(
    {
      pools: [pool],
      databases: [database],
      statsTotals: [{ database: 'app', xact_count: xacts, query_count: xacts, query_time: queryTime }],
    },
    time,
  )

/** A login waits for the address of its host. */
const asking = snapshot({
  databases: [{ ...database, host: 'db.internal' }],
  pools: [{ ...pool, cl_waiting: 1, sv_login: 1 }],
  dnsHosts: [{ hostname: 'db.internal', ttl: 0, addrs: null }],
})

describe('diagnose', () => {
  const table: [what: string, code: string, first: Snapshot, second?: Snapshot, limit?: number][] = [
    ['clients waiting although servers idle', 'waiting-though-idle', of({ ...waiting, sv_idle: 2 })],
    ['an exhausted pool', 'pool-exhausted', of({ ...waiting, sv_active: 5 })],
    ['waiting while servers log in', 'waiting-for-login', of({ ...waiting, sv_login: 1 })],
    ['no server at all', 'no-server', of(waiting)],
    [
      'a wait that grows',
      'wait-grows',
      of({ ...waiting, sv_active: 5, maxwait: 1 }),
      of({ ...waiting, sv_active: 5, maxwait: 3 }),
    ],
    ['logins that pile up', 'logins-pile-up', of({ ...pool, sv_login: 4 })],
    ['a paused database', 'database-paused', snapshot({ databases: [{ ...database, paused: 1 }] })],
    ['a paused PgBouncer', 'paused', snapshot({ state: [{ key: 'paused', value: 'yes' }] })],
    ['a disabled database', 'database-disabled', snapshot({ databases: [{ ...database, disabled: 1 }] })],
    [
      'a database at its limit',
      'database-limit',
      snapshot({ databases: [{ ...database, max_connections: 5, current_connections: 5 }] }),
    ],
    [
      'full client slots',
      'max-client-conn',
      snapshot({
        lists: [{ list: 'used_clients', items: 95 }],
        config: [{ key: 'max_client_conn', value: 100 }],
      }),
    ],
    [
      'clients that log in all the time',
      'client-logins-pile-up',
      snapshot({ lists: [{ list: 'login_clients', items: 30 }] }),
    ],
    ['a client pool that can never be served', 'app-pool-too-large', of({ ...pool, cl_active: 500 })],
    ["more than PostgreSQL's limit", 'over-postgres-limit', of(pool), undefined, 3],
    ['a storm of cancels', 'cancel-storm', of({ ...pool, cl_waiting_cancel_req: 12 })],
    [
      'a name without an address',
      'dns-no-address',
      snapshot({ dnsHosts: [{ hostname: 'db.internal', ttl: 5, addrs: null }] }),
    ],
    ['DNS that does not answer', 'dns-slow', asking, asking],
    [
      'prepared statements that churn',
      'prepared-statement-churn',
      snapshot({ statsTotals: [{ database: 'app', bind_count: 0, server_parse_count: 0 }] }),
      snapshot({
        statsTotals: [{ database: 'app', bind_count: 1000, server_parse_count: 900 }],
        config: [{ key: 'max_prepared_statements', value: 5 }],
      }),
    ],
    [
      'a command that failed',
      'command-failed',
      {
        ...snapshot({}),
        failures: [{ command: 'SHOW POOLS', code: 'PGBOUNCER_TIMEOUT', message: 'too slow' }],
      },
    ],
  ]
  it.each(table)('finds %s (%s)', (_what, code, first, second, limit) => {
    const findings = diagnose(first, second, limit === undefined ? {} : { postgresConnections: limit })
    expect(findings.map((finding) => finding.code)).toContain(code)
    expect(
      findings.every(({ message, nextStep, subject }) => message !== '' && nextStep !== '' && subject !== ''),
    ).toBe(true)
  })

  const fine: [what: string, snapshot: Snapshot][] = [
    ['nothing at all', snapshot({})],
    ['a busy pool in which nobody waits', of({ ...pool, sv_active: 5 })],
    ['a wait of a few milliseconds', of({ ...waiting, sv_active: 5, maxwait: 0, maxwait_us: 20_000 })],
    ['a name that was asked for a moment ago', asking],
    ['the admin console itself', of({ ...waiting, database: 'pgbouncer', user: 'pgbouncer' })],
  ]
  it.each(fine)('finds nothing in %s', (_what, given) => {
    expect(diagnose(given)).toEqual([])
  })

  it('says who holds an exhausted pool', () => {
    const busy = of(
      { ...waiting, sv_active: 5 },
      {
        clients: [1, 2, 3].map((n) => ({
          type: 'C',
          user: 'joe',
          database: 'app',
          state: 'active',
          ptr: `c${n}`,
          application_name: n < 3 ? 'report' : 'web',
        })),
        servers: [1, 2, 3].map((n) => ({
          type: 'S',
          user: 'joe',
          database: 'app',
          state: 'active',
          ptr: `s${n}`,
          link: `c${n}`,
        })),
      },
    )
    expect(diagnose(busy).find(({ code }) => code === 'pool-exhausted')?.message).toContain(
      'held by report (2), web (1)',
    )
  })

  it("goes by a user's own pool size where there is one", () => {
    const findings = diagnose(of({ ...waiting, sv_active: 2 }, { users: [{ name: 'joe', pool_size: 2 }] }))
    expect(findings.map(({ code }) => code)).toContain('pool-exhausted')
  })

  it('puts the worst first', () => {
    const given = of(
      { ...waiting, sv_active: 5, sv_login: 4 },
      { databases: [{ ...database, max_connections: 1, current_connections: 1 }] },
    )
    expect(diagnose(given).map(({ severity }) => severity)[0]).toBe('critical')
  })
})

describe('top', () => {
  it('fits the screen, shows who waits longest first, and obeys no control characters of names', () => {
    const quiet = Array.from({ length: 50 }, (_, n) => ({ ...pool, database: `quiet${n}` }))
    const now = snapshot({
      pools: [...quiet, { ...waiting, user: 'evil\u001B[2J' }],
      databases: [database],
      lists: [{ list: 'used_clients', items: 7 }],
      config: [{ key: 'max_client_conn', value: 100 }],
    })
    const text = renderTop({ now, findings: diagnose(now), width: 100, height: 20 })
    const lines = text.split('\n')
    expect(lines.length).toBeLessThanOrEqual(20)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100)
    expect(text).not.toContain('\u001B')
    expect(lines.findIndex((line) => line.startsWith('app'))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('quiet')),
    )
    expect(text).toContain('clients 7/100')
  })

  it('shows rates between two looks', () => {
    const now = at('2026-01-01T00:00:02.000Z', 300, 500_000)
    const text = renderTop({
      now,
      before: at('2026-01-01T00:00:00.000Z', 100, 100_000),
      findings: [],
      width: 120,
      height: 20,
    })
    expect(text).toMatch(/app .* 100\.0 +2\.00/)
  })
})
