import { describe, expect, it } from 'vitest'
import { collectMetrics, type CollectOptions } from './collect-metrics.ts'
import type { ConsoleResult, PgBouncerConsole } from './console.ts'
import { PgBouncerStatsError } from './error.ts'
import { renderText } from './metric-family.ts'
import { describeMetrics } from './describe-metrics.ts'

type Answers = Record<string, ConsoleResult | Error>

const answers: Answers = {
  'SHOW VERSION': { columns: ['version'], rows: [['PgBouncer 1.26.1']] },
  'SHOW LISTS': {
    columns: ['list', 'items'],
    rows: [
      ['used_clients', '25'],
      ['pools', '2'],
    ],
  },
  'SHOW CONFIG': {
    columns: ['key', 'value', 'default', 'changeable'],
    rows: [['max_client_conn', '100', '100', 'yes']],
  },
  'SHOW POOLS': {
    columns: ['user', 'database', 'cl_active', 'sv_active', 'maxwait', 'maxwait_us'],
    rows: [
      ['joe', 'app', '3', '5', '2', '500000'],
      ['ann', 'app', '1', '1', '0', '0'],
      ['joe', 'other', '0', '0', '0', '0'],
    ],
  },
  'SHOW DATABASES': {
    columns: [
      'name',
      'host',
      'port',
      'database',
      'force_user',
      'pool_size',
      'reserve_pool_size',
      'pool_mode',
    ],
    rows: [['app', null, '5432', 'app', null, '10', '3', null]],
  },
  'SHOW STATS': {
    columns: ['database', 'total_query_count', 'total_query_time', 'total_received'],
    rows: [['app', '7', '1500000', '9']],
  },
  'SHOW STATS_TOTALS': {
    columns: ['database', 'query_count', 'query_time', 'bytes_received', 'bind_count'],
    rows: [['app', '7', '1500000', '9', '4']],
  },
  'SHOW CLIENTS': {
    columns: ['user', 'database', 'state', 'application_name'],
    rows: [
      ['joe', 'app', 'active', 'web'],
      ['joe', 'app', 'active', 'web'],
      ['joe', 'app', 'idle', 'cron'],
      ['ann', 'app', 'active', 'psql'],
    ],
  },
}

function consoleOf(given: Answers, delayMs = 0): PgBouncerConsole {
  return {
    target: 'db:6432',
    query: async (command) => {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      const answer = given[command] ?? new PgBouncerStatsError('PGBOUNCER_COMMAND_FAILED', `no ${command}`)
      if (answer instanceof Error) throw answer
      return answer
    },
    close: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function scrape(given: Answers, options: CollectOptions = {}): Promise<string[]> {
  const { families } = await collectMetrics(consoleOf(given), options)
  return renderText(families).split('\n')
}

describe('metrics', () => {
  it('bear the names of 0.10, of 0.12, or both', async () => {
    const [old, recent, both] = await Promise.all(
      (['0.10', '0.12', 'both'] as const).map((compat) => scrape(answers, { compat })),
    )
    const series = 'queries_duration_seconds_total{database="app"} 1.5'
    expect(old).toContain(`pgbouncer_stats_${series}`)
    expect(old).not.toContain(`pgbouncer_stats_totals_${series}`)
    expect(recent).toContain(`pgbouncer_stats_totals_${series}`)
    expect(recent).not.toContain(`pgbouncer_stats_${series}`)
    expect(both).toEqual(
      expect.arrayContaining([`pgbouncer_stats_${series}`, `pgbouncer_stats_totals_${series}`]),
    )
  })

  it('say what prometheus-community leaves out', async () => {
    expect(await scrape(answers)).toEqual(
      expect.arrayContaining([
        'pgbouncer_pools_client_maxwait_seconds{database="app",user="joe"} 2',
        'pgbouncer_pools_client_maxwait_exact_seconds{database="app",user="joe"} 2.5',
        'pgbouncer_pools_server_utilization_ratio{database="app",user="joe"} 0.5',
        'pgbouncer_client_utilization_ratio 0.25',
        'pgbouncer_stats_totals_binds_total{database="app"} 4',
        'pgbouncer_databases_reserve_pool{name="app",host="",port="5432",database="app",force_user="",pool_mode=""} 3',
      ]),
    )
  })

  it('count clients as 0.12 does, and by application only on request, the largest by name', async () => {
    const lines = await scrape(answers, { applicationsTop: 1 })
    expect(lines).toContain(
      'pgbouncer_client_connections{database="app",user="joe",application_name="web",state="active"} 2',
    )
    expect(lines).toContain('pgbouncer_application_clients{application_name="web"} 2')
    expect(lines).toContain('pgbouncer_application_clients{application_name="(other)"} 2')
    expect((await scrape(answers)).join()).not.toContain('pgbouncer_application_clients')
    expect((await scrape(answers, { compat: '0.10' })).join()).not.toContain('pgbouncer_client_connections')
  })

  it('never repeat a series, whatever PgBouncer repeats', async () => {
    const pools = answers['SHOW POOLS'] as ConsoleResult
    const doubled = {
      ...answers,
      'SHOW POOLS': { columns: pools.columns, rows: [...pools.rows, ...pools.rows] },
    }
    const lines = (await scrape(doubled)).filter((line) => line !== '' && !line.startsWith('#'))
    const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(series).size).toBe(series.length)
    expect(lines).toContain('pgbouncer_scrape_duplicate_rows 3')
  })

  it('keep quotes, backslashes and newlines in names from breaking the text', async () => {
    const rows = [['we"ird\\na\nme', 'app', '3', '5', '2', '0']]
    const { columns } = answers['SHOW POOLS'] as ConsoleResult
    const lines = await scrape({ ...answers, 'SHOW POOLS': { columns, rows } })
    expect(lines).toContain(
      'pgbouncer_pools_client_active_connections{database="app",user="we\\"ird\\\\na\\nme"} 3',
    )
  })

  it('leave out what is excluded, and all but what is included', async () => {
    const included = (await scrape(answers, { includeDatabases: [/^other$/] })).join('\n')
    expect(included).toContain('database="other"')
    expect(included).not.toContain('database="app"')
    const excluded = (await scrape(answers, { excludeUsers: [/^joe$/] })).join('\n')
    expect(excluded).toContain('user="ann"')
    expect(excluded).not.toContain('user="joe"')
  })

  it('say which command failed and why, and give the rest', async () => {
    const failing = {
      ...answers,
      'SHOW POOLS': new PgBouncerStatsError('PGBOUNCER_COMMAND_FAILED', 'out of memory'),
    }
    const lines = await scrape(failing)
    expect(lines).toEqual(
      expect.arrayContaining([
        'pgbouncer_up 0',
        'pgbouncer_command_up{command="SHOW POOLS"} 0',
        'pgbouncer_command_up{command="SHOW LISTS"} 1',
        'pgbouncer_command_failure_info{command="SHOW POOLS",reason="PGBOUNCER_COMMAND_FAILED"} 1',
        'pgbouncer_used_clients 25',
      ]),
    )
  })

  it('do not ask a lost PgBouncer again in the same scrape', async () => {
    let asked = 0
    const lost: PgBouncerConsole = {
      ...consoleOf({}),
      query: () => {
        asked += 1
        return Promise.reject(new PgBouncerStatsError('PGBOUNCER_UNREACHABLE', 'nobody is there'))
      },
    }
    const { up, reason } = await collectMetrics(lost)
    expect({ asked, up, reason }).toEqual({ asked: 1, up: false, reason: 'nobody is there' })
  })

  it('are given up at the deadline', async () => {
    const startedAt = performance.now()
    const { up } = await collectMetrics(consoleOf(answers, 80), { timeoutMs: 150 })
    expect(up).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })

  it('are all declared beforehand, as a registry needs it', async () => {
    const { families } = await collectMetrics(consoleOf({ ...answers, 'SHOW VERSION': new Error('no') }), {
      applicationsTop: 1,
    })
    const declared = new Set(describeMetrics().map(({ name, type }) => `${name} ${type}`))
    expect(families.map(({ name, type }) => `${name} ${type}`).filter((each) => !declared.has(each))).toEqual(
      [],
    )
  })
})
