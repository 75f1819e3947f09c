import { stripVTControlCharacters } from 'node:util'

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1536` → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** `1234567` → `1,234,567`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en-US')
}

/** `93_500` ms → `1 min 33 s`; below a minute with one decimal, below a second in ms. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return `${minutes} min ${seconds % 60} s`
}

export interface Column {
  readonly header: string
  /** @default 'left' */
  readonly align?: 'left' | 'right'
  /** Never shortened: people copy what stands in it. @default false */
  readonly isKept?: boolean
}

/** How wide a table on stdout may be: as wide as the terminal, or so many columns where it is none. */
export function tableWidth(elsewhere = 100, stream: NodeJS.WriteStream = process.stdout): number {
  return stream.isTTY && stream.columns > 0 ? stream.columns : elsewhere
}

/**
 * Rows as aligned text, two spaces between columns, a header in front. Cells may carry colours.
 * A table wider than `width` has its widest left-aligned columns shortened with `…`, to 12 at the least.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = tableWidth(),
): string {
  const widths = columns.map((column, index) =>
    rows.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? '')), textWidth(column.header)),
  )
  shorten(widths, columns, width)
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => fit(cells[index] ?? '', widths[index]!, column.align ?? 'left'))
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.header)), ...rows.map(line)].join('\n')
}

const SHORTEST = 12

/** Takes evenly from the widest columns that can be shortened, down to the next one, until all fit or none is left. */
function shorten(widths: number[], columns: readonly Column[], width: number): void {
  let excess = widths.reduce((sum, each) => sum + each, 2 * (columns.length - 1)) - width
  while (excess > 0) {
    const flexible = columns.map(({ align, isKept }, index) =>
      align === 'right' || isKept === true ? 0 : widths[index]!,
    )
    const most = Math.max(...flexible)
    if (most <= SHORTEST) return
    const widest = flexible.flatMap((each, index) => (each === most ? [index] : []))
    const next = Math.max(SHORTEST, ...flexible.filter((each) => each < most))
    const cut = Math.min(Math.ceil(excess / widest.length), most - next)
    for (const index of widest) {
      const taken = Math.min(cut, Math.max(excess, 0))
      widths[index] = most - taken
      excess -= taken
    }
  }
}

function fit(cell: string, width: number, align: 'left' | 'right'): string {
  const length = textWidth(cell)
  if (length > width) return truncate(stripVTControlCharacters(cell), width)
  const padding = ' '.repeat(width - length)
  return align === 'right' ? padding + cell : cell + padding
}

/** Columns that a text takes on a terminal; without its colours. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  return graphemes(stripVTControlCharacters(text)).reduce(
    (width, each) => width + (WIDE.test(each) ? 2 : 1),
    0,
  )
}

/** What most cells are. */
const PLAIN = /^[ -~]*$/

/** East Asian wide and fullwidth characters, and emoji (Unicode Standard Annex 11, by its blocks). */
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Script=Han})/u

/**
 * The text with every character that could move a cursor, clear a screen or turn the reading
 * direction made visible: names of tables come from databases and buckets, which are not trusted.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0)!
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    return code === 0x7f ? '\u2421' : '\uFFFD'
  })
}

/** One printable line of what a program underneath may have said in many: a log or a mail of cron holds it together. */
export function oneLine(text: string): string {
  return printable(text.trim().replaceAll(/\s*\n\s*/g, '; '))
}

/** The text in at most `width` columns, its end cut off by `…` where it is longer. */
export function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const each of graphemes(text)) {
    left -= textWidth(each)
    if (left < 0) break
    kept += each
  }
  return `${kept}…`
}

const segmenter = new Intl.Segmenter('en')

/** What a reader sees as single characters, also where they have several code points. */
function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}
