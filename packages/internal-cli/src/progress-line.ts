import { graphemes } from './format.ts'

/** One line on stderr that shows how far a long job is. */
export interface ProgressLine {
  /** Shows `text` now on a terminal (at most ten times a second), and rarely elsewhere. */
  update(text: string): void
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
    update(text) {
      if (now() - shownAt < intervalMs) return
      shownAt = now()
      isShown = true
      stream.write(onTerminal ? `\r\u001B[2K${truncate(text, (stream.columns ?? 80) - 1)}` : `${text}\n`)
    },
    clear() {
      if (onTerminal && isShown) stream.write('\r\u001B[2K')
      isShown = false
    },
  }
}

function truncate(text: string, width: number): string {
  const characters = graphemes(text)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}
