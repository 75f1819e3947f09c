import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { planRetention } from './plan.ts'
import type { RetentionPolicy } from './policy.ts'
import { isRetentionError } from './retention-error.ts'
import type { RetentionItem } from './retention-item.ts'
import { compileRules, judge } from './rules.ts'
import { createZoneClock } from './zone-clock.ts'

/** restic's own test data: 103 snapshots, 40 policies, and what its `forget` keeps of them, and why. */
const DATA = fileURLToPath(new URL('../../../../shared/conformance/restic-policy/', import.meta.url))

interface ResticSnapshot {
  readonly time: string
  readonly tags?: readonly string[]
}

interface Golden {
  readonly keep: readonly ResticSnapshot[] | null
  readonly reasons?: readonly {
    readonly matches: readonly string[]
    readonly counters: Record<string, number>
  }[]
}

describe("the meaning of restic's forget", () => {
  for (let number = 0; number < 40; number += 1) {
    it(`keeps what restic keeps, for the same reasons, in case ${number}`, (context) => {
      if (!existsSync(DATA)) context.skip('the conformance data is not beside the repository (../shared)')
      const inputs: { snapshots: ResticSnapshot[]; policies: RetentionPolicy[] } = readJson('inputs.json')
      const golden: Golden = readJson(`policy_keep_snapshots_${number}`)
      const policy = inputs.policies[number]!
      // Snapshots of one time keep their order, so ids follow the input's.
      const items = inputs.snapshots.map(({ time, tags }, index): RetentionItem => ({
        id: String(index).padStart(3, '0'),
        group: 'all',
        time,
        bytes: 1,
        tags,
      }))
      const reasons = golden.reasons ?? []
      expect(keptOf(items, policy)).toEqual(
        (golden.keep ?? []).map((snapshot, index) => ({
          time: Date.parse(snapshot.time),
          tags: snapshot.tags,
          reasons: reasons[index]!.matches,
        })),
      )
      expect(countersOfKept(items, policy)).toEqual(reasons.map((reason) => reason.counters))
    })
  }
})

/** What the plan keeps, newest first; nothing where the policy is refused as empty, as restic does. */
function keptOf(items: readonly RetentionItem[], policy: RetentionPolicy): object[] {
  try {
    return planRetention(items, policy, { now: new Date('2026-01-01T00:00:00Z') })
      .decisions.filter((decision) => decision.keep)
      .map(({ item, reasons }) => ({ time: Date.parse(item.time), tags: item.tags, reasons }))
  } catch (error) {
    if (isRetentionError(error) && error.code === 'RETENTION_POLICY_EMPTY') return []
    throw error
  }
}

/** What is left of each count after each kept snapshot; counts that are used up are left out, as in the data. */
function countersOfKept(items: readonly RetentionItem[], policy: RetentionPolicy): Record<string, number>[] {
  const sorted = items.toSorted((a, b) => Date.parse(b.time) - Date.parse(a.time))
  const clock = createZoneClock('UTC')
  const counters: Record<string, number>[] = []
  const lane = {
    length: sorted.length,
    timeMs: (position: number) => Date.parse(sorted[position]!.time),
    tags: (position: number) => sorted[position]!.tags ?? [],
  }
  const verdicts = judge(lane, compileRules(policy, clock, 0), (position, left) => {
    counters[position] = Object.fromEntries(Object.entries(left).filter(([, count]) => count !== 0))
  })
  return counters.filter((_, position) => verdicts[position]!.keep)
}

const readJson = (name: string): ReturnType<typeof JSON.parse> =>
  JSON.parse(readFileSync(join(DATA, name), 'utf8'))
