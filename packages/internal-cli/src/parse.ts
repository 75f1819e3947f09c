import { InvalidArgumentError } from 'commander'

/** A parser for commander: a whole number between `min` and `max`. */
export function parseInteger(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      const bounds = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
      throw new InvalidArgumentError(`It must be a whole number ${bounds}.`)
    }
    return value
  }
}

const BYTE_FACTORS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** `512`, `64k`, `8MiB`, `1.5g` → bytes; units are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim())
  if (match === null) throw new InvalidArgumentError('It must be a size such as 512, 64k, 8MiB or 1.5g.')
  return Math.round(Number(match[1]) * BYTE_FACTORS[match[2]!.toLowerCase()]!)
}

const DURATION_FACTORS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `10m`, `2h`, `7d` → milliseconds. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim())
  if (match === null)
    throw new InvalidArgumentError('It must be a duration such as 500ms, 30s, 10m, 2h or 7d.')
  return Number(match[1]) * DURATION_FACTORS[match[2]!]!
}

/** Node.js takes a timer beyond 24.8 days for one of 1 ms; and an interval may be varied by a tenth. */
const LONGEST_TIMER_DAYS = 20

/** As {@link parseDurationMs}, for what a timer waits. */
export function parseTimerMs(text: string): number {
  const milliseconds = parseDurationMs(text)
  if (milliseconds > LONGEST_TIMER_DAYS * DURATION_FACTORS['d']!)
    throw new InvalidArgumentError(`It must be ${LONGEST_TIMER_DAYS}d or less.`)
  return milliseconds
}
