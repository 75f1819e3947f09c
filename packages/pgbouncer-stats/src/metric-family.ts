import type { MetricType } from './metric-map.ts'

/** The labels of one row, shared by all the metrics that come from it. */
export interface LabelSet {
  readonly values: Readonly<Record<string, string>>
  /** As in the text format: `{a="b"}`, or nothing. */
  readonly text: string
}

export interface Sample {
  readonly labels: LabelSet
  readonly value: number
}

/** One Prometheus metric with its samples. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly samples: Sample[]
}

export const NO_LABELS: LabelSet = { values: {}, text: '' }

export function labelSet(values: Readonly<Record<string, string>>): LabelSet {
  let text = ''
  for (const name in values) text += `${text === '' ? '{' : ','}${name}="${escapeLabel(values[name]!)}"`
  return text === '' ? NO_LABELS : { values, text: `${text}}` }
}

/**
 * Families by name, in the order they were begun. A second sample with the same labels is dropped and
 * counted: one duplicate would make Prometheus refuse the whole scrape.
 */
export interface FamilyBuilder {
  family(name: string, type: MetricType, help: string): MetricFamily
  add(name: string, type: MetricType, help: string, labels: LabelSet, value: number): void
  families(): MetricFamily[]
}

export function createFamilyBuilder(): FamilyBuilder {
  const byName = new Map<string, MetricFamily>()
  const family: FamilyBuilder['family'] = (name, type, help) => {
    const known = byName.get(name)
    if (known !== undefined) return known
    const begun: MetricFamily = { name, help, type, samples: [] }
    byName.set(name, begun)
    return begun
  }
  return {
    family,
    add: (name, type, help, labels, value) => void family(name, type, help).samples.push({ labels, value }),
    families: () => [...byName.values()].filter(({ samples }) => samples.length > 0),
  }
}

/** The same families with one more label in front, for many PgBouncers in one scrape. */
export function withLabel(families: readonly MetricFamily[], name: string, value: string): MetricFamily[] {
  const relabelled = new Map<LabelSet, LabelSet>()
  const relabel = (labels: LabelSet): LabelSet => {
    const known = relabelled.get(labels)
    if (known !== undefined) return known
    const next = labelSet({ [name]: value, ...labels.values })
    relabelled.set(labels, next)
    return next
  }
  return families.map(({ name: family, help, type, samples }) => ({
    name: family,
    help,
    type,
    samples: samples.map((sample) => ({ labels: relabel(sample.labels), value: sample.value })),
  }))
}

/** Families of the same name, from several PgBouncers, as one. */
export function mergeFamilies(groups: readonly (readonly MetricFamily[])[]): MetricFamily[] {
  const builder = createFamilyBuilder()
  for (const { name, type, help, samples } of groups.flat()) {
    const target = builder.family(name, type, help).samples
    for (const sample of samples) target.push(sample)
  }
  return builder.families()
}

export const TEXT_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * The Prometheus text format 0.0.4.
 *
 * @example
 * ```ts
 * import { collectMetrics, openConsole, renderText } from '@ops/pgbouncer-stats'
 *
 * await using pgbouncer = openConsole({ host: 'localhost', user: 'stats' })
 * console.log(renderText((await collectMetrics(pgbouncer)).families))
 * ```
 */
export function renderText(families: readonly MetricFamily[]): string {
  return families.map(renderFamily).join('')
}

/**
 * The same as bytes, some thousand samples at a time: text that is bytes before the garbage collector
 * next looks costs half as much as tens of megabytes of it.
 */
export function renderChunks(families: readonly MetricFamily[]): Buffer[] {
  return families.flatMap((family) => {
    const chunks = [Buffer.from(renderHead(family))]
    for (let at = 0; at < family.samples.length; at += SAMPLES_PER_CHUNK)
      chunks.push(Buffer.from(renderSamples(family, at, at + SAMPLES_PER_CHUNK)))
    return chunks
  })
}

const SAMPLES_PER_CHUNK = 1000

function renderFamily(family: MetricFamily): string {
  return renderHead(family) + renderSamples(family, 0, family.samples.length)
}

function renderHead({ name, help, type }: MetricFamily): string {
  const escapedHelp = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return `# HELP ${name} ${escapedHelp}\n# TYPE ${name} ${type}\n`
}

function renderSamples({ name, samples }: MetricFamily, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to && at < samples.length; at += 1) {
    const { labels, value } = samples[at]!
    text += `${name}${labels.text} ${formatValue(value)}\n`
  }
  return text
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value
}
