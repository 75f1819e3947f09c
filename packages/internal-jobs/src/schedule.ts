import { createHash } from 'node:crypto'
import { Cron } from 'croner'

/** When a job is due. Times are in ms since 1970; `undefined` is never. */
export interface Schedule {
  /** The latest slot that has come by `now`. */
  last(now: number): number | undefined
  /** The first slot after `now`, where that is known. */
  next(now: number): number | undefined
}

/** In place of a pattern: the job runs only when it is asked for. */
const NEVER = 'never'

export interface CronScheduleOptions {
  /** Five fields as in crontab(5), with one for seconds before them if need be; or `never`. */
  readonly pattern: string
  readonly timeZone: string
  /** Each slot is put off by a part of this, always the same for the same name, so that jobs do not come in bursts. */
  readonly jitterMs: number
  readonly name: string
}

export function cronSchedule({ pattern, timeZone, jitterMs, name }: CronScheduleOptions): Schedule {
  if (pattern === NEVER) return { last: () => undefined, next: () => undefined }
  const cron = new Cron(pattern, { timezone: timeZone, mode: '5-or-6-parts' })
  // In whole seconds, which is what the id of a backup tells of its time.
  const delayMs = Math.floor((jitterMs * fractionOf(name)) / 1000) * 1000
  let slots = { last: Infinity, next: -Infinity }
  const slotsAt = (now: number): typeof slots => {
    if (now >= slots.last && now < slots.next) return slots
    // "Previous" leaves out the time that is asked about, and that slot has come.
    const last = cron.previousRuns(1, new Date(now - delayMs + 1))[0]
    const next = cron.nextRun(new Date(now - delayMs))
    slots = {
      last: last === undefined ? -Infinity : last.getTime() + delayMs,
      next: next === null ? Infinity : next.getTime() + delayMs,
    }
    return slots
  }
  const known = (slot: number): number | undefined => (Number.isFinite(slot) ? slot : undefined)
  return { last: (now) => known(slotsAt(now).last), next: (now) => known(slotsAt(now).next) }
}

/** Throws when it is no pattern, or one that never comes. */
export function checkPattern(pattern: string): string {
  if (pattern !== NEVER && new Cron(pattern, { mode: '5-or-6-parts' }).nextRun() === null)
    throw new Error('this time never comes')
  return pattern
}

/** From 0 to 1, and the same in every worker. */
function fractionOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE() / 2 ** 32
}
