/** What a dashboard is in this folder, and how Grafana's JSON is made of it. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  DashboardBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  defaultDashboardLink,
  type Dashboard,
  type DashboardLink,
  type Panel as GrafanaPanel,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'

/** Where Grafana serves the pages of docs/runbooks: mount them to `public/runbooks` in its home folder. */
const RUNBOOKS = '/public/runbooks'
const WIDTH = 24
const HEIGHTS = { stat: 4, series: 8, table: 9 } as const
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }

export interface Query {
  readonly expr: string
  /** What a series is called, by its labels: `{{datname}}`. */
  readonly legend: string
  /** When no data are the right answer; Grafana says it then. Others have data wherever the metric's source runs. */
  readonly emptyWhen?: string
}

/** From where on a value is orange and red; below instead, where little is bad. */
export interface Thresholds {
  readonly warning?: number
  readonly critical: number
  readonly lowIsBad?: true
}

export interface Panel {
  /** A number for each series; lines; or a row for each series. */
  readonly kind: 'stat' | 'series' | 'table'
  readonly title: string
  readonly description: string
  /** A unit's id in Grafana: `s`, `bytes`, `percentunit`, `short`, `ops`, `bool_yes_no` … */
  readonly unit: string
  readonly thresholds?: Thresholds
  /** A page of docs/runbooks, without `.md`. */
  readonly runbook?: string
  readonly stacked?: true
  readonly queries: readonly Query[]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** A choice at the top of the page: the values that a label has in a metric. */
export interface Variable {
  readonly name: string
  readonly metric: string
  readonly label: string
}

export interface DashboardSpec {
  /** The file's name, and, after `ops-`, Grafana's uid. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

export function buildDashboard({ name, title, description, variables, rows }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(`ops-${name}`)
    .description(description)
    .tags(['ops'])
    .readonly()
    .refresh('30s')
    .timezone('browser')
    .time({ from: 'now-6h', to: 'now' })
    .link(otherDashboards())
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
  for (const variable of variables) builder.withVariable(choice(variable))
  let id = 0
  let y = 0
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).gridPos({ x: 0, y, w: WIDTH, h: 1 }).id((id += 1)))
    y += 1
    for (const line of linesOf(row.panels)) {
      const h = HEIGHTS[line[0]!.kind]
      const edge = (n: number): number => Math.round((n * WIDTH) / line.length)
      for (const [n, panel] of line.entries()) {
        builder.withPanel(buildPanel(panel, { id: (id += 1), x: edge(n), y, w: edge(n + 1) - edge(n), h }))
      }
      y += h
    }
  }
  return builder.build()
}

/** Panels of one kind side by side: up to six numbers, three charts, or one table; no line much shorter than another. */
function linesOf(panels: readonly Panel[]): Panel[][] {
  const most = { stat: 6, series: 3, table: 1 }
  return [...Map.groupBy(panels, ({ kind }) => kind)].flatMap(([kind, alike]) => {
    const count = Math.ceil(alike.length / most[kind])
    const start = (line: number): number => Math.ceil((line * alike.length) / count)
    return Array.from({ length: count }, (_, line) => alike.slice(start(line), start(line + 1)))
  })
}

interface Place {
  readonly id: number
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

function buildPanel(panel: Panel, { id, ...gridPos }: Place): Builder<GrafanaPanel> {
  const builder = bodyOf(panel)
    .id(id)
    .gridPos(gridPos)
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .unit(panel.unit)
    .thresholds(thresholds(panel.thresholds))
    .targets(panel.queries.map((query, n) => target(query, n, panel.kind)))
  const noData = panel.queries.find(({ emptyWhen }) => emptyWhen !== undefined)?.emptyWhen
  if (noData !== undefined) builder.noValue(noData)
  if (panel.runbook !== undefined) {
    builder.links([link({ title: 'Runbook', url: `${RUNBOOKS}/${panel.runbook}.md`, targetBlank: true })])
  }
  return builder
}

function bodyOf({
  kind,
  stacked,
  unit,
  thresholds: steps,
}: Panel): StatBuilder | TableBuilder | TimeSeriesBuilder {
  if (kind === 'stat') {
    return new StatBuilder()
      .colorMode(BigValueColorMode.Background)
      .graphMode(BigValueGraphMode.None)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  }
  if (kind === 'table') {
    return new TableBuilder().withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true, instance: true, job: true, __name__: true } },
    })
  }
  const legend = new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
  const series = new TimeSeriesBuilder()
    .fillOpacity(stacked === true ? 40 : 10)
    // A chart that begins at its least value makes mountains of molehills.
    .axisSoftMin(0)
    .legend(legend)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
  if (stacked === true) series.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
  if (unit === 'percentunit') series.axisSoftMax(1)
  if (steps !== undefined) {
    series.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  }
  return series
}

function target({ expr, legend }: Query, index: number, kind: Panel['kind']): DataqueryBuilder {
  const query = new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(String.fromCodePoint(65 + index))
    .expr(expr)
    .legendFormat(legend)
  if (kind === 'series') return query.range()
  return kind === 'table' ? query.instant().format(PromQueryFormat.Table) : query.instant()
}

function thresholds({ warning, critical, lowIsBad }: Partial<Thresholds> = {}): ThresholdsConfigBuilder {
  const steps: Threshold[] =
    lowIsBad === true
      ? [at(null, 'red'), at(critical, warning === undefined ? 'green' : 'orange'), at(warning, 'green')]
      : [at(null, 'green'), at(warning, 'orange'), at(critical, 'red')]
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.filter(({ value }) => value !== undefined))
}

function at(value: number | null | undefined, color: string): Threshold {
  return { value: value as number | null, color }
}

function choice({ name, metric, label }: Variable): QueryVariableBuilder {
  const query = `label_values(${metric}, ${label})`
  return new QueryVariableBuilder(name)
    .label(name)
    .datasource(DATASOURCE)
    .definition(query)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

function otherDashboards(): Builder<DashboardLink> {
  const type = DashboardLinkType.Dashboards
  return link({ title: 'Dashboards', type, tags: ['ops'], asDropdown: true, keepTime: true })
}

/** Not the library's builder: it puts links into a menu, where nobody sees them. */
function link(fields: Partial<DashboardLink>): Builder<DashboardLink> {
  const { placement: _placement, ...defaults } = defaultDashboardLink()
  return { build: () => ({ ...defaults, ...fields }) }
}
