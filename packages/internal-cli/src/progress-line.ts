import { printable, textWidth, truncate } from './format.ts'

/** One line on stderr that shows how far a long job is. */
export interface ProgressLine {
  /**
   * Shows this now on a terminal (at most ten times a second), and rarely elsewhere. Of several
   * fields, the most important first, a narrow terminal gets as many as fit.
   */
  update(...fields: readonly string[]): void
  /** Takes the line away, so that a result can be printed in its place. */
  clear(): void
}

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 10_000

/**
 * On a terminal the line is rewritten in place. Elsewhere (a log file, cron) a plain line appears
 * every ten seconds, and none at all for a job that is done before that.
 */
export function createProgressLine(
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = Date.now,
): ProgressLine {
  const onTerminal = stream.isTTY
  const intervalMs = onTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS
  let shownAt = onTerminal ? Number.NEGATIVE_INFINITY : now()
  let isShown = false
  return {
    update(...fields) {
      if (now() - shownAt < intervalMs) return
      shownAt = now()
      isShown = true
      stream.write(
        onTerminal ? `\r\u001B[2K${fitted(fields, (stream.columns || 80) - 1)}` : `${joined(fields)}\n`,
      )
    },
    clear() {
      if (onTerminal && isShown) stream.write('\r\u001B[2K')
      isShown = false
    },
  }
}

function joined(fields: readonly string[]): string {
  return fields.map(printable).join('  ')
}

function fitted(fields: readonly string[], width: number): string {
  let count = fields.length
  while (count > 1 && textWidth(joined(fields.slice(0, count))) > width) count -= 1
  return truncate(joined(fields.slice(0, count)), width)
}
