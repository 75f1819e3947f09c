import { RetentionError } from './retention-error.ts'

/** What the clocks of one time zone show. */
export interface ZoneClock {
  /** IANA name. */
  readonly timeZone: string
  /** Local time less UTC at an instant, in milliseconds. */
  offsetMs(utcMs: number): number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/**
 * A clock for an IANA time zone. Offsets are remembered per UTC day: where a day begins and ends
 * with the same offset it has no other in between, so that a million lookups cost little.
 * Throws `RETENTION_TIME_ZONE_UNKNOWN`.
 */
export function createZoneClock(timeZone: string): ZoneClock {
  if (timeZone === 'UTC') return { timeZone, offsetMs: () => 0 }
  const format = offsetFormat(timeZone)
  const offsetOfDay = new Map<number, number | 'changes'>()
  return {
    timeZone,
    offsetMs(utcMs) {
      const day = Math.floor(utcMs / DAY_MS)
      let known = offsetOfDay.get(day)
      if (known === undefined) {
        const first = readOffset(format, day * DAY_MS)
        known = first === readOffset(format, (day + 1) * DAY_MS) ? first : 'changes'
        offsetOfDay.set(day, known)
      }
      return known === 'changes' ? readOffset(format, utcMs) : known
    },
  }
}

/**
 * The instant at which the zone's clocks show a wall time (given as if it were UTC). Where clocks
 * go back and show it twice, or go forward and skip it, the earlier of the two candidates: a window
 * that begins there is then longer, and keeps more.
 */
export function utcOfWallTime(wallMs: number, clock: ZoneClock): number {
  const before = clock.offsetMs(wallMs - DAY_MS)
  const after = clock.offsetMs(wallMs + DAY_MS)
  const candidates = [wallMs - before, wallMs - after]
  const real = candidates.filter((utcMs) => utcMs + clock.offsetMs(utcMs) === wallMs)
  return Math.min(...(real.length > 0 ? real : candidates))
}

function offsetFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  } catch (error) {
    throw new RetentionError(
      'RETENTION_TIME_ZONE_UNKNOWN',
      `"${timeZone}" is not a time zone that this Node.js knows; use an IANA name such as UTC, Europe/Berlin or America/New_York`,
      { cause: error },
    )
  }
}

/** `11/21/2026, GMT-03:30` → -12,600,000. */
function readOffset(format: Intl.DateTimeFormat, utcMs: number): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(utcMs))
  if (match?.[1] === undefined) return 0
  const [, sign, hours, minutes, seconds = '0'] = match
  const size = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * 1000
  return sign === '-' ? -size : size
}
