import { formatBytes, formatCount, formatDuration, printable, textWidth, truncate } from './format.ts'

/** How far a long job is, as every bin shows it: `restoring  43 %  ~9.0 s left  12.0 MiB of 28.0 MiB  1.2 MiB/s`. */
export interface Progress {
  /** Which of several jobs at a time this is. */
  readonly of?: string
  /** What is done now, in words that begin with a verb: `restoring`. */
  readonly doing: string
  readonly done?: number
  /** Absent as long as nobody knows it. */
  readonly total?: number
  /** What `done` and `total` count: bytes, or things by their plural. @default 'bytes' */
  readonly unit?: string
  /** The total is a guess, as by the last run. @default false */
  readonly isEstimate?: boolean
  /** What else there is to say, the most important first. */
  readonly details?: readonly string[]
}

/** One line on stderr that shows how far a long job is. */
export interface ProgressLine {
  /** Shows this now on a terminal (at most ten times a second), and rarely elsewhere. */
  update(progress: Progress): void
  /** Takes the line away, so that a result can be printed in its place. */
  clear(): void
}

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 10_000

/**
 * On a terminal the line is rewritten in place, with as much as fits. Elsewhere (a log file, cron, a
 * terminal that calls itself dumb) a plain line appears every ten seconds, and none at all for a job that is done before that.
 */
export function createProgressLine(
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = Date.now,
): ProgressLine {
  const onTerminal = stream.isTTY && process.env['TERM'] !== 'dumb'
  const intervalMs = onTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS
  const elapsed = stopwatch(now)
  let shownAt = onTerminal ? Number.NEGATIVE_INFINITY : now()
  let isShown = false
  return {
    update(progress) {
      const elapsedMs = elapsed(progress)
      if (now() - shownAt < intervalMs) return
      shownAt = now()
      isShown = true
      const fields = progressFields(progress, elapsedMs).map(printable)
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

/** For how long each job has been doing what it does now. */
function stopwatch(now: () => number): (progress: Progress) => number {
  const began = new Map<string | undefined, { doing: string; at: number }>()
  return ({ of, doing }) => {
    const before = began.get(of)
    if (before?.doing === doing) return now() - before.at
    began.set(of, { doing, at: now() })
    return 0
  }
}

/** Before this a rate says more of the start than of the job. */
const RATED_AFTER_MS = 500

/** The fields of the line, the most important first. */
export function progressFields(progress: Progress, elapsedMs: number): string[] {
  const { of, doing, done, total, unit = 'bytes', isEstimate = false, details = [] } = progress
  const about = isEstimate ? '~' : ''
  const isRated = done !== undefined && done > 0 && elapsedMs >= RATED_AFTER_MS
  const amount = (count: number): string => (unit === 'bytes' ? formatBytes(count) : formatCount(count))
  return [
    ...(of === undefined ? [] : [of]),
    doing,
    ...(done !== undefined && total !== undefined && total > 0
      ? [`${about}${Math.floor((100 * done) / total)} %`]
      : []),
    ...(isRated && total !== undefined && total > done
      ? [`~${formatDuration(((total - done) / done) * elapsedMs)} left`]
      : []),
    ...(done === undefined
      ? []
      : [
          `${amount(done)}${total === undefined ? '' : ` of ${about}${amount(total)}`}${unit === 'bytes' ? '' : ` ${unit}`}`,
        ]),
    ...(isRated && unit === 'bytes' ? [`${formatBytes((1000 * done) / elapsedMs)}/s`] : []),
    ...details,
  ]
}

function joined(fields: readonly string[]): string {
  return fields.join('  ')
}

function fitted(fields: readonly string[], width: number): string {
  let count = fields.length
  while (count > 1 && textWidth(joined(fields.slice(0, count))) > width) count -= 1
  return truncate(joined(fields.slice(0, count)), width)
}
