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
  let text = ''
  for (const { name, help, samples } of joinFamilies(metrics)) {
    text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} gauge\n`
    for (const [labels, { value }] of byLabels(samples)) text += `${name}${labels} ${renderValue(value)}\n`
  }
  return text
}

/** Joins families of one name, and keeps one sample for each set of labels: a double fails the whole scrape. */
export function mergeMetrics(metrics: readonly Metric[]): Metric[] {
  return joinFamilies(metrics).map((family) => ({
    ...family,
    samples: [...byLabels(family.samples).values()],
  }))
}

/** Families that have samples, each once. */
function joinFamilies(metrics: readonly Metric[]): Metric[] {
  const families = new Map<string, Metric & { samples: Sample[] }>()
  for (const { name, help, samples } of metrics) {
    if (samples.length === 0) continue
    const family = families.get(name)
    if (family === undefined) families.set(name, { name, help, samples: [...samples] })
    else family.samples.push(...samples)
  }
  return [...families.values()]
}

/** Samples by their labels as text. */
function byLabels(samples: readonly Sample[]): Map<string, Sample> {
  const found = new Map<string, Sample>()
  for (const sample of samples) found.set(renderLabels(sample.labels), sample)
  return found
}

/** Every sample with more labels. */
export function withLabels(metrics: readonly Metric[], more: Readonly<Record<string, string>>): Metric[] {
  return metrics.map((metric) => ({
    ...metric,
    samples: metric.samples.map((sample) => ({ ...sample, labels: { ...more, ...sample.labels } })),
  }))
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  let pairs = ''
  for (const name of Object.keys(labels))
    pairs += `${pairs === '' ? '' : ','}${name}="${escapeLabel(labels[name]!)}"`
  return pairs === '' ? '' : `{${pairs}}`
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}

const TO_ESCAPE = /[\\"\n\ud800-\udfff]/

/** Names in certificates are a stranger's words: they must not end the line. */
function escapeLabel(value: string): string {
  if (!TO_ESCAPE.test(value)) return value
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function escapeHelp(text: string): string {
  return /[\\\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : text
}
