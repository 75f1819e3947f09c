/** The dashboards, as Grafana's JSON, and every query in them. */
import { backups } from './backups.ts'
import { certificates } from './certificates.ts'
import { buildDashboard, type DashboardSpec } from './dashboard.ts'
import { database } from './database.ts'
import { pgbouncer } from './pgbouncer.ts'

export const DASHBOARDS: readonly DashboardSpec[] = [database, backups, pgbouncer, certificates]

/** The JSON of each dashboard, by the name of its file. */
export function renderDashboards(): Map<string, string> {
  return new Map(
    DASHBOARDS.map((spec) => [`${spec.name}.json`, `${JSON.stringify(buildDashboard(spec), null, 2)}\n`]),
  )
}

export interface DashboardQuery {
  /** `dashboard: panel`, or `dashboard: $variable`. */
  readonly where: string
  /** As Prometheus takes it: every choice is open, and the interval is the given one. */
  readonly expr: string
  /** When no data are the right answer; with `undefined` there have to be some. */
  readonly emptyWhen: string | undefined
}

/**
 * Every query of every panel and variable. `rateInterval` stands for Grafana's `$__rate_interval`, and is
 * at least four of Prometheus's scrape intervals.
 */
export function dashboardQueries({ rateInterval = '1m' }: { rateInterval?: string } = {}): DashboardQuery[] {
  const plain = (expr: string): string =>
    expr.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$[a-z]+/g, '.*')
  return DASHBOARDS.flatMap(({ title, variables, rows }) => [
    ...variables.map(({ name, metric }) => ({
      where: `${title}: $${name}`,
      expr: metric,
      emptyWhen: undefined,
    })),
    ...rows.flatMap(({ panels }) =>
      panels.flatMap((panel) =>
        panel.queries.map(({ expr, emptyWhen }) => ({
          where: `${title}: ${panel.title}`,
          expr: plain(expr),
          emptyWhen,
        })),
      ),
    ),
  ])
}
