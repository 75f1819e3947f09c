import type { ObjectStore } from '@ops/object-store'
import { RetentionError } from './retention-error.ts'
import type { RetentionItem } from './retention-item.ts'
import type { Scan, ScanProgress } from './scan.ts'
import { toRetentionError } from './store-failure.ts'
import { compileTimePattern } from './time-in-name.ts'
import { createZoneClock } from './zone-clock.ts'

/** Options of {@link scanObjects}. */
export interface ScanObjectsOptions {
  /** Where to look. */
  readonly store: ObjectStore
  /** Only keys that begin with this. @default '' */
  readonly prefix?: string
  /**
   * The group of a key: a function, or a regular expression whose captures make up the name. Keys
   * without a group are left alone. @default the key's folder
   */
  readonly groupBy?: RegExp | ((key: string) => string | undefined)
  /** Where keys have their time, as `strftime` writes it: `%Y-%m-%d`. Without it, or in keys that do not match, LastModified counts. */
  readonly timePattern?: string
  /** The zone of the times in keys; an IANA name. @default 'UTC' */
  readonly timeZone?: string
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Told how far it is. */
  readonly onProgress?: (progress: ScanProgress) => void
}

/**
 * Lists dated objects, each of which is an item of its own.
 * Rejects with `RETENTION_NOTHING_FOUND`, `RETENTION_STORE_FAILED`, `RETENTION_OPTION_INVALID`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { scanObjects } from '@ops/s3-retention'
 *
 * // logs/web-2026-01-31.gz, grouped by what stands before the date
 * const { items } = await scanObjects({
 *   store: fileStore({ folder: '/archive' }),
 *   groupBy: /^logs\/(\w+)-/,
 *   timePattern: '%Y-%m-%d',
 * })
 * console.log(items.length)
 * ```
 */
export async function scanObjects(options: ScanObjectsOptions): Promise<Scan> {
  const { store, prefix = '', groupBy, timePattern, timeZone = 'UTC', signal, onProgress } = options
  const clock = createZoneClock(timeZone)
  const timeOfKey = timePattern === undefined ? () => undefined : compileTimePattern(timePattern, clock)
  const items: RetentionItem[] = []
  let ignored = { objects: 0, bytes: 0 }
  try {
    for await (const { key, size, lastModified } of store.list({ prefix, signal })) {
      const group = groupOf(key, groupBy)
      if (group === undefined) {
        ignored = { objects: ignored.objects + 1, bytes: ignored.bytes + size }
        continue
      }
      const keyMs = timeOfKey(key)
      const stored = lastModified.toISOString()
      items.push({
        id: key,
        group,
        time: keyMs === undefined ? stored : new Date(keyMs).toISOString(),
        timeSource: keyMs === undefined ? 'lastModified' : 'key',
        bytes: size,
        lastModified: stored,
      })
      if (items.length % 1000 === 0) onProgress?.({ phase: 'listing', objects: items.length })
    }
  } catch (error) {
    throw toRetentionError(error, `listing ${store.url}/${prefix}`, signal)
  }
  if (items.length === 0) throw nothingFound(store, prefix, ignored.objects)
  return { items, ignored }
}

export function nothingFound(store: ObjectStore, prefix: string, ignored: number): RetentionError {
  const others = ignored === 0 ? '' : ` but ${ignored} objects that belong to no set and no group`
  return new RetentionError(
    'RETENTION_NOTHING_FOUND',
    `there is nothing under "${prefix}" in ${store.url}${others}; check the store's URL and the prefix`,
    { details: { store: store.url, key: prefix } },
  )
}

function groupOf(key: string, groupBy: ScanObjectsOptions['groupBy']): string | undefined {
  if (groupBy === undefined) return key.includes('/') ? key.slice(0, key.lastIndexOf('/')) : '.'
  if (typeof groupBy === 'function') return groupBy(key)
  const match = groupBy.exec(key)
  if (match === null) return undefined
  return match.length === 1
    ? match[0]
    : match
        .slice(1)
        .filter((part) => part !== undefined)
        .join('/')
}
