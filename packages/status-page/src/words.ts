import { formatDuration } from '@ops/internal-cli/format'
import { secondsBetween } from './freshness.ts'
import { html, type Html } from './html.ts'

/** A length of time as people say it: its two largest units without one that is 0, and hours up to two days. */
export function duration(seconds: number): string {
  if (seconds >= 86_400 && seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return formatDuration(seconds * 1000).replace(/(?<=\d \w+) 0 \w+$|\.0(?= s$)/, '')
}

/** `3 h 12 min ago`; within a second, `just now`. */
export function ago(at: string, now: string): Html {
  const seconds = Math.floor(secondsBetween(at, now))
  return html`<time datetime="${at}" title="${clock(at)}"
    >${seconds === 0 ? 'just now' : `${duration(seconds)} ago`}</time
  >`
}

/** `in 3 h 12 min`; what should have been by now is `now`. */
export function ahead(at: string, now: string): Html {
  const seconds = Math.floor(secondsBetween(now, at))
  return html`<time datetime="${at}" title="${clock(at)}"
    >${seconds === 0 ? 'now' : `in ${duration(seconds)}`}</time
  >`
}

/** `2026-11-21 03:30:42 UTC`. */
export function clock(at: string): string {
  return `${at.slice(0, 19).replace('T', ' ')} UTC`
}

/** `2026-11-21 03:30`, for tables whose head says UTC. */
export function shortClock(at: string): Html {
  return html`<time datetime="${at}">${at.slice(0, 16).replace('T', ' ')}</time>`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** `21 Nov`, of a time or a date in ISO 8601. */
export function dayName(date: string): string {
  return `${Number(date.slice(8, 10))} ${MONTHS[Number(date.slice(5, 7)) - 1]}`
}

/** `1 day`, `3 days`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}
