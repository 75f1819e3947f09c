import { html, type Html } from './html.ts'
import { dayName } from './words.ts'

export interface PlotPoint {
  readonly at: string
  readonly value: number
}

export interface PlotOptions {
  readonly label: string
  /** The oldest first. */
  readonly points: readonly PlotPoint[]
  /** A value as people read it. */
  readonly format: (value: number) => string
  /** What the value should stay under: drawn as a line. */
  readonly limit?: number
  /** How a point in time is named at the ends of the axis. @default its day */
  readonly nameTime?: (at: string) => string
}

/** The drawing's own units; it is stretched to the space that there is. */
const [WIDTH, HEIGHT, HEADROOM] = [400, 88, 1.12] as const

/** One series over time, from zero up, with its last value in figures and its course in words. */
export function plot({ label, points, format, limit, nameTime = dayName }: PlotOptions): Html {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined)
    return html`<figure class="plot">
      <figcaption><span>${label}</span> <strong>–</strong></figcaption>
      <p class="empty">nothing yet</p>
    </figure>`
  const top = Math.max(...points.map(({ value }) => value), limit ?? 0, Number.MIN_VALUE) * HEADROOM
  const [begin, end] = [Date.parse(first.at), Date.parse(last.at)]
  const x = (at: string): number =>
    end === begin ? WIDTH / 2 : ((Date.parse(at) - begin) / (end - begin)) * WIDTH
  const y = (value: number): number => HEIGHT - (value / top) * HEIGHT
  const spot = ({ at, value }: PlotPoint): string => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`
  const line = `M${points.map(spot).join('L')}`
  const area = `${line}L${x(last.at).toFixed(1)} ${HEIGHT}L${x(first.at).toFixed(1)} ${HEIGHT}Z`
  return html`<figure class="plot">
    <figcaption><span>${label}</span> <strong>${format(last.value)}</strong></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img">
      <title>${inWords({ label, points, format, limit, nameTime })}</title>
      <path class="area" d="${area}" />
      ${limit !== undefined && html`<path class="limit" d="M0 ${y(limit).toFixed(1)}H${WIDTH}" />`}
      <path class="line" d="${line}" />
      <path class="end" d="M${spot(last)}h0" />
    </svg>
    <p class="axis" aria-hidden="true">
      <span>${nameTime(first.at)}</span>${points.length > 1 && html`<span>${nameTime(last.at)}</span>`}
    </p>
  </figure>`
}

/** What a reader who does not see the line is told. */
function inWords({
  label,
  points,
  format,
  limit,
  nameTime,
}: Required<Pick<PlotOptions, 'nameTime'>> & PlotOptions): string {
  const values = points.map(({ value }) => value)
  const [first, last] = [points[0]!, points.at(-1)!]
  if (points.length === 1) return `${label}: ${format(first.value)} (${nameTime(first.at)}), one value only`
  const promised = limit === undefined ? '' : `; ${format(limit)} at most were promised`
  return `${label}: ${format(first.value)} at first (${nameTime(first.at)}), ${format(last.value)} at last (${nameTime(last.at)}), between ${format(Math.min(...values))} and ${format(Math.max(...values))} in ${points.length} values${promised}`
}
