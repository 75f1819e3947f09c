// Plans once in a process of its own, so that its peak memory can be told: node measure.ts ours|peer
import { planRetention, type RetentionItem } from '@ops/s3-retention'
import { sortAndBucket } from './sort-and-bucket.ts'

const GROUPS = 1000
const ITEMS_PER_GROUP = 1000
const NOW = Date.parse('2026-11-21T12:00:00Z')
const POLICY = { last: 10, daily: 30, weekly: 8, monthly: 12, yearly: 5 }

const items = makeItems()
const start = performance.now()
const kept = process.argv[2] === 'ours' ? planOurs(items) : sortAndBucket(items, POLICY).keep.length
const seconds = (performance.now() - start) / 1000
process.stdout.write(JSON.stringify({ seconds, peakBytes: process.resourceUsage().maxRSS * 1024, kept }))

function planOurs(items: readonly RetentionItem[]): number {
  return planRetention(items, POLICY, { now: new Date(NOW) }).kept.items
}

/** A backup every eight hours for most of a year in each group, in no order. */
function makeItems(): RetentionItem[] {
  const items: RetentionItem[] = []
  const names = Array.from({ length: GROUPS }, (_, group) => flat(`main/logical/database-${group}`))
  for (let index = 0; index < ITEMS_PER_GROUP; index += 1) {
    for (const [group, name] of names.entries()) {
      const age = (index * 619) % ITEMS_PER_GROUP
      const time = new Date(NOW - age * 8 * 3_600_000 - group * 1000).toISOString()
      items.push({ id: flat(`${name}/${time}`), group: name, time, bytes: 1_000_000, lastModified: time })
    }
  }
  return items
}

/** A string in one piece, as a listing gives it. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1')
}
