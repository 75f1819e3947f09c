import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DASHBOARDS, dashboardQueries, renderDashboards } from '../src/index.ts'

const here = (path: string): URL => new URL(path, import.meta.url)
const read = (path: string): string => readFileSync(here(path), 'utf8')

interface Grid {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}
interface GrafanaPanel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: Grid
  readonly datasource?: { readonly uid: string }
  readonly links?: readonly { readonly url: string }[]
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  readonly fieldConfig?: {
    readonly defaults: { readonly unit: string; readonly thresholds: { readonly steps: readonly unknown[] } }
  }
}

const dashboards = [...renderDashboards()].map(([file, json]) => ({
  file,
  json,
  panels: (JSON.parse(json) as { panels: GrafanaPanel[] }).panels,
}))
const panels = dashboards.flatMap(({ file, panels: all }) =>
  all.filter(({ type }) => type !== 'row').map((panel) => ({ where: `${file}: ${panel.title}`, panel })),
)

const overlap = (a: Grid, b: Grid): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

/** Where a metric comes from: its name stands in the source of what exports it. */
const SOURCES: readonly [prefix: RegExp, files: readonly string[]][] = [
  [/^ops_backup_/, ['packages/pg-backup/src/prometheus.ts']],
  [/^ops_restore_verify_/, ['packages/restore-verify/src/prometheus.ts']],
  [/^ops_retention_/, ['packages/s3-retention/src/prometheus.ts']],
  [/^(ops_cert|probe)_/, ['packages/cert-probe/src/prometheus.ts']],
  [
    /^pgbouncer_/,
    ['metric-map', 'extra-metrics', 'collect-metrics'].map(
      (name) => `packages/pgbouncer-stats/src/${name}.ts`,
    ),
  ],
]

describe('the dashboards', () => {
  it('are what the script writes: run `npm run generate` in docker/grafana', () => {
    expect(readdirSync(here('../dashboards')).toSorted()).toEqual(
      dashboards.map(({ file }) => file).toSorted(),
    )
    for (const { file, json } of dashboards) expect(read(`../dashboards/${file}`)).toBe(json)
  })

  it.each(dashboards)('$file: every panel has a place and a number of its own', ({ panels: all }) => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    const pairs = all.flatMap((a, n) => all.slice(n + 1).map((b) => [a, b] as const))
    expect(pairs.filter(([a, b]) => overlap(a.gridPos, b.gridPos))).toEqual([])
    expect(all.filter(({ gridPos }) => !Object.values(gridPos).every(Number.isInteger))).toEqual([])
    const lines = Map.groupBy(all, ({ gridPos }) => gridPos.y)
    for (const line of lines.values()) {
      expect(line.reduce((width, { gridPos }) => width + gridPos.w, 0)).toBe(24)
      expect(new Set(line.map(({ gridPos }) => gridPos.h)).size).toBe(1)
    }
  })

  it.each(panels)(
    '$where has a unit, thresholds, a datasource to choose, and queries with names',
    ({ panel }) => {
      expect(panel.fieldConfig!.defaults.unit).toMatch(/^\w+$/)
      expect(panel.fieldConfig!.defaults.thresholds.steps.length).toBeGreaterThan(0)
      expect(panel.datasource).toMatchObject({ uid: '${datasource}' })
      expect(panel.targets!.length).toBeGreaterThan(0)
      expect(panel.targets!.filter(({ legendFormat }) => legendFormat === '')).toEqual([])
    },
  )

  it('link to runbooks that there are, and to each of them that an alert names', () => {
    const linked = new Set(
      panels.flatMap(({ panel }) =>
        (panel.links ?? []).map(({ url }) => /^\/public\/runbooks\/([\w-]+\.md)$/.exec(url)![1]!),
      ),
    )
    const there = readdirSync(here('../../../docs/runbooks'))
    expect([...linked].filter((page) => !there.includes(page))).toEqual([])
    expect(there.filter((page) => !linked.has(page))).toEqual([])
  })

  it('ask for metrics that something exports', () => {
    const names = new Set(
      dashboardQueries().flatMap(({ expr }) => expr.match(/\b(?:ops|pg|pgbouncer|probe)_\w+/g) ?? []),
    )
    const unknown = [...names].filter((name) => {
      const [prefix, files] = SOURCES.find(([each]) => each.test(name)) ?? []
      if (prefix === undefined || files === undefined) return false
      const text = files.map((file) => read(`../../../${file}`)).join('\n')
      const suffix = name
        .replace(/^ops_(backup|restore_verify|retention)_/, '')
        .replace(/^pgbouncer_stats_totals_/, '')
      return !text.includes(suffix)
    })
    expect(unknown).toEqual([])
  })
})

describe('the queries', () => {
  it('have no variable of Grafana left', () => {
    expect(dashboardQueries().filter(({ expr }) => expr.includes('$'))).toEqual([])
    expect(dashboardQueries({ rateInterval: '7s' }).some(({ expr }) => expr.includes('[7s]'))).toBe(true)
  })

  it('are those of all panels and variables', () => {
    const variables = DASHBOARDS.flatMap((spec) => spec.variables).length
    const inPanels = panels.flatMap(({ panel }) => panel.targets!).length
    expect(dashboardQueries()).toHaveLength(variables + inPanels)
  })
})

it('the provisioning files name the folder and the datasource', () => {
  expect(existsSync(here('../provisioning/datasources/prometheus.yaml'))).toBe(true)
  expect(read('../provisioning/dashboards/ops.yaml')).toContain('path: /etc/grafana/dashboards')
})
