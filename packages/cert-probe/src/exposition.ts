/** Prometheus' text format, version 0.0.4. */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One family of gauges. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly samples: readonly Sample[]
}

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** A family with one sample that has no labels. */
export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, samples: [{ labels: {}, value }] }
}

/** Families as text. A family that occurs more than once is written once; so is a sample. */
export function renderMetrics(metrics: readonly Metric[]): string {
  const lines: string[] = []
  for (const metric of mergeMetrics(metrics)) {
    lines.push(`# HELP ${metric.name} ${escapeHelp(metric.help)}`, `# TYPE ${metric.name} gauge`)
    for (const { labels, value } of metric.samples)
      lines.push(`${metric.name}${renderLabels(labels)} ${renderValue(value)}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Joins families of one name, and keeps one sample for each set of labels: a double fails the whole scrape. */
export function mergeMetrics(metrics: readonly Metric[]): Metric[] {
  const families = Map.groupBy(metrics, (metric) => metric.name)
  return [...families.values()].flatMap((family) => {
    const samples = new Map(
      family.flatMap((metric) => metric.samples).map((sample) => [renderLabels(sample.labels), sample]),
    )
    const [{ name, help }] = family as [Metric]
    return samples.size === 0 ? [] : [{ name, help, samples: [...samples.values()] }]
  })
}

/** Every sample with more labels. */
export function withLabels(metrics: readonly Metric[], more: Readonly<Record<string, string>>): Metric[] {
  return metrics.map((metric) => ({
    ...metric,
    samples: metric.samples.map((sample) => ({ ...sample, labels: { ...more, ...sample.labels } })),
  }))
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}

/** Names in certificates are a stranger's words: they must not end the line. */
function escapeLabel(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
