import type { RetentionItem } from '@ops/s3-retention'

/**
 * What one would write by hand for the same policy: group, sort, keep the newest of each period
 * until the count is used up. No reasons, no guards, no dependencies, no gaps, and UTC only.
 */
export function sortAndBucket(
  items: readonly RetentionItem[],
  counts: {
    readonly last: number
    readonly daily: number
    readonly weekly: number
    readonly monthly: number
    readonly yearly: number
  },
): { keep: RetentionItem[]; remove: RetentionItem[] } {
  const groups = new Map<string, RetentionItem[]>()
  for (const item of items) {
    const group = groups.get(item.group)
    if (group === undefined) groups.set(item.group, [item])
    else group.push(item)
  }
  const keep: RetentionItem[] = []
  const remove: RetentionItem[] = []
  for (const group of groups.values()) {
    // ISO 8601 in UTC sorts as text.
    group.sort((a, b) => (a.time < b.time ? 1 : -1))
    const buckets = [
      { left: counts.last, period: (_: string, index: number) => String(index), seen: '' },
      { left: counts.daily, period: (time: string) => time.slice(0, 10), seen: '' },
      { left: counts.weekly, period: weekOf, seen: '' },
      { left: counts.monthly, period: (time: string) => time.slice(0, 7), seen: '' },
      { left: counts.yearly, period: (time: string) => time.slice(0, 4), seen: '' },
    ]
    for (const [index, item] of group.entries()) {
      let isKept = false
      for (const bucket of buckets) {
        if (bucket.left === 0) continue
        const period = bucket.period(item.time, index)
        // The oldest of all stays while a count is left.
        if (period === bucket.seen && index < group.length - 1) continue
        bucket.seen = period
        bucket.left -= 1
        isKept = true
      }
      if (isKept) keep.push(item)
      else remove.push(item)
    }
  }
  return { keep, remove }
}

/** The Monday of the week, by which an ISO week is known. */
function weekOf(time: string): string {
  const day = new Date(time)
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7))
  return day.toISOString().slice(0, 10)
}
