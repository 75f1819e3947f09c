import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parsePolicy, planRetention, type RetentionItem } from '@ops/s3-retention'
import { expect, it } from 'vitest'

const DAY_MS = 86_400_000
const page = await readFile(fileURLToPath(new URL('../retention-policy.md', import.meta.url)), 'utf8')
/** `[policy, least, most]` of each row of the table of policies. */
const rows = [...page.matchAll(/^\| .*?\| `([^`]+)` .*?\| (\d+)(?: to (\d+))? +\|$/gm)].map(
  ([, policy, least, most = least]) => [policy!, Number(least), Number(most)] as const,
)

it('the page has policies to check', () => {
  expect(rows.length).toBeGreaterThanOrEqual(6)
})

it.each(rows)('%s keeps %i to %i of one backup a day', (policy, least, most) => {
  for (let day = 0; day < 366; day += 17) {
    const newest = Date.UTC(2026, 0, 1 + day, 2)
    const items = Array.from({ length: 11 * 366 }, (_, age): RetentionItem => {
      const time = new Date(newest - age * DAY_MS).toISOString()
      return { id: time, group: 'main/logical/app', time, bytes: 1, objects: [] }
    })
    const { kept } = planRetention(items, parsePolicy(policy), { now: new Date(newest + 7_200_000) })
    expect(kept.items).toBeGreaterThanOrEqual(least)
    expect(kept.items).toBeLessThanOrEqual(most)
  }
})
