import { RetentionError } from './retention-error.ts'
import { utcOfWallTime, type ZoneClock } from './zone-clock.ts'

const BACKUP_ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-z]{6}$/

/** The time in a backup set's id, `20261121T020000Z-4fk2q9`; `undefined` when it is none, or names no real time. */
export function timeOfBackupId(id: string): number | undefined {
  const match = BACKUP_ID.exec(id)
  if (match === null) return undefined
  return realTime(match.slice(1).map(Number))
}

const FIELDS = ['Y', 'm', 'd', 'H', 'M', 'S'] as const
const FIELD_PATTERNS: Record<string, string> = {
  Y: String.raw`(?<Y>\d{4})`,
  m: String.raw`(?<m>\d\d)`,
  d: String.raw`(?<d>\d\d)`,
  H: String.raw`(?<H>\d\d)`,
  M: String.raw`(?<M>\d\d)`,
  S: String.raw`(?<S>\d\d)`,
  s: String.raw`(?<s>\d{9,11})`,
  '%': '%',
}

/**
 * Reads times out of keys by a pattern as `strftime` writes them: `app-%Y-%m-%d_%H%M%S.sql.gz`, or
 * `%s` for seconds since 1970. It may stand anywhere in the key. What it leaves out of the time of
 * day is 0. Throws `RETENTION_OPTION_INVALID`.
 */
export function compileTimePattern(pattern: string, clock: ZoneClock): (key: string) => number | undefined {
  const used = [...pattern.matchAll(/%(.)/gsu)].map((match) => match[1]!).filter((field) => field !== '%')
  const isWhole = used.includes('s')
    ? used.length === 1
    : ['Y', 'm', 'd'].every((field) => used.includes(field))
  const isKnown =
    used.every((field) => Object.hasOwn(FIELD_PATTERNS, field)) && new Set(used).size === used.length
  if (!isWhole || !isKnown || /(?<!%)(?:%%)*%$/u.test(pattern)) {
    throw new RetentionError(
      'RETENTION_OPTION_INVALID',
      `the time pattern "${pattern}" makes no sense: it needs %Y, %m and %d once each, and may have %H, %M and %S; or %s alone`,
    )
  }
  const source = pattern.replaceAll(/%(.)|[\\^$.|?*+()[\]{}]/gsu, (text, field?: string) =>
    field === undefined ? `\\${text}` : FIELD_PATTERNS[field]!,
  )
  const expression = new RegExp(source, 'u')
  return (key) => {
    const found = expression.exec(key)?.groups
    if (found === undefined) return undefined
    if (found['s'] !== undefined) return Number(found['s']) * 1000
    const wallMs = realTime(FIELDS.map((field) => Number(found[field] ?? 0)))
    return wallMs === undefined ? undefined : utcOfWallTime(wallMs, clock)
  }
}

/** Milliseconds of year, month, day, hour, minute and second; `undefined` for 30 February and the like. */
function realTime(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === day ? time.getTime() : undefined
}
