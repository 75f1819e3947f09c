import {
  dockerAvailable,
  needs,
  PGBOUNCER_SUITES,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
} from '@ops/testbed'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createExporter } from '../src/serve.ts'
import { asAdmin } from './pooled-server.ts'
import { PEERS, startPeerExporter } from './peer-exporter.ts'
import { until } from './until.ts'

const DATABASES = ['postgres', 'template1']

interface Series {
  readonly type: string
  readonly value: string
}

/** Series by name and labels, with the labels in alphabetical order, as a scrape does not promise any. */
function parseMetrics(text: string): Map<string, Series> {
  const types = new Map<string, string>()
  const series = new Map<string, Series>()
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) types.set(name, type)
    const [, metric, labels = '', value] = /^([a-z_][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (metric === undefined || value === undefined) continue
    const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([each]) => each).toSorted()
    series.set(`${metric}{${sorted.join(',')}}`, {
      type: types.get(metric) ?? 'untyped',
      value: String(Number(value)),
    })
  }
  return series
}

/** The exporter's own process, and what PgBouncer counts of the scrapes themselves. */
const NOT_COMPARED =
  /^(go_|process_|promhttp_|pgbouncer_exporter_build_info|pgbouncer_(free|used)_clients|pgbouncer_client_connections.*database="pgbouncer"|pgbouncer_(stats|pools).*database="pgbouncer")/

/** What ours has and prometheus-community's does not. */
const OURS_ALONE =
  /^pgbouncer_(command_up|command_failure_info|scrape_duplicate_rows|scrape_duration_seconds|pools_client_maxwait_exact_seconds|pools_server_utilization_ratio|client_utilization_ratio|databases_reserve_pool|stats_totals_client_logins_total)/

async function scrape(url: string): Promise<Map<string, Series>> {
  return parseMetrics(await (await fetch(url)).text())
}

function compared(series: Map<string, Series>): Record<string, Series> {
  return Object.fromEntries([...series].filter(([name]) => !NOT_COMPARED.test(name)))
}

/** Queries that come and go, in two pools, until it is stopped. */
function startLoad(bouncer: PgBouncer): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const work = async (database: string): Promise<void> => {
    while (!stopping.signal.aborted) await bouncer.query('SELECT pg_sleep(0.05)', database)
  }
  const workers = Promise.all(DATABASES.flatMap((name) => Array.from({ length: 6 }, () => work(name))))
  return {
    stop: async () => {
      stopping.abort()
      await workers
    },
  }
}

const matrix = Object.keys(PGBOUNCER_SUITES).flatMap((pgbouncer) =>
  (Object.keys(PEERS) as (keyof typeof PEERS)[]).map((peer) => ({ pgbouncer, peer })),
)

describe('beside prometheus-community', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>> | undefined
  beforeAll(async () => {
    if (await dockerAvailable()) postgres = await startPostgres({ mode: 'container' })
  })
  afterAll(async () => {
    await postgres?.stop()
  })

  it.for(matrix)(
    'PgBouncer $pgbouncer gives the same series, types and values as exporter $peer',
    async ({ pgbouncer, peer }, context) => {
      needs(context, postgres !== undefined, 'no Docker engine answers')
      const { network } = postgres!
      await using bouncer = await startPgBouncer({
        mode: 'container',
        version: pgbouncer,
        postgres: postgres!,
        // By name: what only `*` knows is listed at one moment and not at the next.
        databases: Object.fromEntries(
          DATABASES.map((name) => [name, `host=${network!.host} port=${network!.port}`]),
        ),
        // Theirs cannot connect without; ours can.
        settings: {
          pool_mode: 'transaction',
          default_pool_size: '3',
          ignore_startup_parameters: 'extra_float_digits',
        },
      })
      expect(bouncer.version).toMatch(new RegExp(`^${pgbouncer.replace('.', String.raw`\.`)}`))
      await using theirs = await startPeerExporter(peer, bouncer.adminUrl)
      await using exporter = createExporter({
        targets: asAdmin(bouncer),
        host: '127.0.0.1',
        port: 0,
        compat: peer,
      })
      const { port } = await exporter.start()
      const ours = `http://127.0.0.1:${port}/metrics`

      const load = startLoad(bouncer)
      await until(
        'both pools to be at work',
        async () => await bouncer.admin('SHOW POOLS'),
        (pools) =>
          pools.filter((pool) => pool['database'] !== 'pgbouncer' && Number(pool['sv_active']) > 0).length ===
          2,
      )
      const underLoad = [await scrape(theirs.url), await scrape(ours)] as const
      await load.stop()

      const [, oursAtRest, theirsAtRest] = await until(
        'PgBouncer to be at rest',
        async () => [await scrape(theirs.url), await scrape(ours), await scrape(theirs.url)] as const,
        ([before, , after]) => isDeepStrictEqual(compared(before), compared(after)),
      )
      const expected = compared(theirsAtRest)
      expect(Object.fromEntries([...oursAtRest].filter(([name]) => name in expected))).toEqual(expected)
      const alone = Object.keys(compared(oursAtRest)).filter((name) => !(name in expected))
      expect(alone.filter((name) => !OURS_ALONE.test(name))).toEqual([])
      expect(Object.keys(expected).length).toBeGreaterThan(60)
      // While in motion the values differ from moment to moment, and the series do not.
      const names = (series: Map<string, Series>): string[] =>
        [...series.keys()]
          .filter(
            (name) =>
              !NOT_COMPARED.test(name) &&
              !OURS_ALONE.test(name) &&
              !name.startsWith('pgbouncer_client_connections'),
          )
          .toSorted()
      expect(names(underLoad[1])).toEqual(names(underLoad[0]))
    },
  )
})
