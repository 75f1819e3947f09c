import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planRetention, type RetentionDecision, type RetentionPlan } from './plan.ts'
import type { RetentionPolicy } from './policy.ts'
import type { RetentionItem } from './retention-item.ts'

const now = new Date('2026-11-21T12:00:00Z')
const HOUR_MS = 3_600_000

function daily(days: number, extra: Partial<RetentionItem> = {}): RetentionItem[] {
  return Array.from({ length: days }, (_, age) => itemAt(new Date(now.getTime() - age * 24 * HOUR_MS), extra))
}

function itemAt(time: Date | string, extra: Partial<RetentionItem> = {}): RetentionItem {
  const iso = new Date(time).toISOString()
  return {
    id: `${extra.group ?? 'app'}/${iso}`,
    group: 'app',
    time: iso,
    bytes: 10,
    lastModified: iso,
    ...extra,
  }
}

const idsOf = (decisions: readonly RetentionDecision[]): string[] => decisions.map(({ item }) => item.id)
const removedOf = (plan: RetentionPlan): string[] => idsOf(plan.decisions.filter(({ keep }) => !keep))
const keptOf = (plan: RetentionPlan): string[] => idsOf(plan.decisions.filter(({ keep }) => keep))
/** Of several items that need one, the first that is found is named. */
const withoutNames = (reason: string): string => reason.replace(/^required by .*/, 'required')
const outline = (plan: RetentionPlan): unknown =>
  plan.decisions.map(({ item, keep, reasons }) => [item.id, keep, reasons.map(withoutNames)])
const reasonsOf = (plan: RetentionPlan, id: string): readonly string[] =>
  plan.decisions.find(({ item }) => item.id === id)!.reasons

describe('ages', () => {
  it('keeps items up to and including the age, in real time', () => {
    const plan = planRetention(daily(40), { maxAgeDays: 30 }, { now })
    expect(plan.kept).toEqual({ items: 31, bytes: 310 })
    expect(plan.removed).toEqual({ items: 9, bytes: 90 })
    expect(reasonsOf(plan, itemAt('2026-10-22T12:00:00Z').id)).toEqual(['at most 30 days old'])
    expect(reasonsOf(plan, itemAt('2026-10-21T12:00:00Z').id)).toEqual(['more than 30 days old'])
  })
})

describe('guards that hold even with a wrong policy', () => {
  const shortPolicy: RetentionPolicy = { maxAgeDays: 30 }
  const old = daily(3).map((item) => itemAt(new Date(Date.parse(item.time) - 90 * 24 * HOUR_MS)))

  it('refuses a policy that would keep nothing, and says what is newest', () => {
    expect(() => planRetention(old, shortPolicy, { now })).toThrow(
      expect.objectContaining({
        code: 'RETENTION_POLICY_KEEPS_NOTHING',
        message: `the policy "keep 30d" would keep nothing at all; nothing was deleted. The newest good item, "app/2026-08-23T12:00:00.000Z", is of 2026-08-23T12:00:00.000Z: if that is too long ago, find out why; otherwise mend the policy, or add min-keep=1`,
      }),
    )
    expect(removedOf(planRetention(old, { ...shortPolicy, minKeep: 1 }, { now }))).toHaveLength(2)
  })

  it.each<[string, RetentionItem[]]>([
    ['a group that holds one item', [itemAt('2020-01-01', { group: 'renamed' })]],
    ['a group without a good item', [itemAt(now, { group: 'broken', problem: 'an object is missing' })]],
    ['a group without a manifest', [itemAt('2020-01-01', { group: 'orphan', isUnpublished: true })]],
  ])('refuses it also where there is %s beside', (_, others) => {
    expect(() => planRetention([...old, ...others], shortPolicy, { now })).toThrow(
      expect.objectContaining({ code: 'RETENTION_POLICY_KEEPS_NOTHING' }),
    )
  })

  it('removes nothing of a group of which it would keep nothing, and goes on with the others', () => {
    const plan = planRetention([...old, ...daily(40, { group: 'other' })], shortPolicy, { now })
    expect(plan.groups.map(({ group, removed, refused }) => [group, removed.items, refused])).toEqual([
      ['app', 0, 'refused: the policy would keep nothing of this group'],
      ['other', 9, undefined],
    ])
    expect(reasonsOf(plan, old[0]!.id)).toEqual(['newest good item of its group'])
  })

  it('is quiet about a group of which one item is left, such as that of a renamed database', () => {
    const last = itemAt('2020-01-01T00:00:00Z', { group: 'renamed' })
    const plan = planRetention([...daily(3), last], { maxAgeDays: 30 }, { now })
    expect(reasonsOf(plan, last.id)).toEqual(['newest good item of its group'])
    expect(plan.groups.map((group) => group.refused)).toEqual([undefined, undefined])
  })

  it('refuses tags that no item has', () => {
    expect(() => planRetention(daily(5), { tags: [['monthly']] }, { now })).toThrow(
      expect.objectContaining({ code: 'RETENTION_POLICY_KEEPS_NOTHING' }),
    )
  })

  it('does not let a broken newest item pass for the good one', () => {
    const [newest, second, ...older] = daily(4)
    const broken = { ...newest!, problem: 'its restore drill failed' }
    const plan = planRetention([broken, second!, ...older], { last: 1 }, { now })
    expect(keptOf(plan)).toEqual([broken.id, second!.id])
    expect(reasonsOf(plan, second!.id)).toEqual(['last snapshot'])
  })

  it('removes nothing from a group in which nothing is good', () => {
    const plan = planRetention(daily(10, { problem: 'an object is missing' }), { last: 1 }, { now })
    expect(removedOf(plan)).toEqual([])
    expect(plan.groups[0]!.refused).toBe('refused: the group has no good item')
  })

  it.each([
    ['nothing at all', {}],
    ['only counts of 0', { last: 0, daily: 0 }],
    ['only pins and a minimum', { pins: ['*'], minKeep: 3 }],
  ])('refuses a policy of %s', (_, policy) => {
    expect(() => planRetention(daily(2), policy, { now })).toThrow(
      expect.objectContaining({ code: 'RETENTION_POLICY_EMPTY' }),
    )
  })
})

describe('minKeep and pins', () => {
  it('fills up to the minimum with the newest', () => {
    const old = daily(5).map((item) => itemAt(new Date(Date.parse(item.time) - 90 * 24 * HOUR_MS)))
    const plan = planRetention(old, { maxAgeDays: 30, minKeep: 2 }, { now })
    expect(keptOf(plan)).toEqual([old[0]!.id, old[1]!.id])
    expect(reasonsOf(plan, old[1]!.id)).toEqual(['minimum of 2'])
    expect(plan.groups[0]!.refused).toBeUndefined()
  })

  it('keeps what is pinned by itself or by a pattern, which takes no place', () => {
    const items = daily(5)
    const pinned = { ...items[4]!, pinned: true }
    const plan = planRetention(
      [...items.slice(0, 4), pinned],
      { last: 1, pins: ['app/2026-11-18*'] },
      { now },
    )
    expect(keptOf(plan)).toEqual([items[0]!.id, items[3]!.id, pinned.id])
    expect(reasonsOf(plan, pinned.id)).toEqual(['pinned'])
  })

  it('reads everything but the star in a pin literally', () => {
    const item = itemAt('2020-01-01T00:00:00Z', { id: 'a+b(c).[d]' })
    const plan = planRetention([...daily(2), item], { last: 1, pins: ['a+b(c).[d]'] }, { now })
    expect(keptOf(plan)).toContain(item.id)
    const other = planRetention([...daily(2), item], { last: 1, pins: ['a+b(c)?[d]'] }, { now })
    expect(removedOf(other)).toContain(item.id)
  })
})

describe('tags', () => {
  it("takes all tags of a list and any of the lists, and [''] as untagged", () => {
    const items = [
      itemAt('2026-11-01', { tags: ['a', 'b'] }),
      itemAt('2026-11-02', { tags: ['a'] }),
      itemAt('2026-11-03', { tags: ['c'] }),
      itemAt('2026-11-04'),
    ]
    const kept = (tags: string[][]): string[] =>
      keptOf(planRetention(items, { tags }, { now })).map((id) => id.slice(12, 14))
    expect(kept([['a', 'b']])).toEqual(['01'])
    expect(kept([['a']])).toEqual(['02', '01'])
    expect(kept([['a', 'b'], ['c']])).toEqual(['03', '01'])
    expect(kept([['']])).toEqual(['04'])
  })
})

describe('what an item needs', () => {
  const full = itemAt('2026-11-01', { id: 'full' })
  const first = itemAt('2026-11-02', { id: 'first', requires: ['full'] })
  const second = itemAt('2026-11-03', { id: 'second', requires: ['first'] })

  it('is kept with it, directly and through others, with that as the reason', () => {
    const plan = planRetention([full, first, second], { last: 1 }, { now })
    expect(plan.decisions.map(({ item, reasons }) => [item.id, reasons])).toEqual([
      ['second', ['last snapshot']],
      ['first', ['required by second']],
      ['full', ['required by first']],
    ])
  })

  it('makes what rests on it broken when it is gone, and then takes no place', () => {
    const plan = planRetention([itemAt('2026-11-01', { id: 'old' }), first, second], { last: 1 }, { now })
    expect(plan.decisions.map(({ item, state, problem }) => [item.id, state, problem])).toEqual([
      ['second', 'broken', 'it requires first, which is not good'],
      ['first', 'broken', 'it requires full, which is gone'],
      ['old', 'good', undefined],
    ])
    expect(keptOf(plan)).toContain('old')
  })

  it('may go in circles', () => {
    const circle = [{ ...full, requires: ['second'] }, first, second]
    expect(removedOf(planRetention(circle, { last: 1 }, { now }))).toEqual([])
  })
})

describe('locks', () => {
  it('keeps what is locked until the date is over, and what is under legal hold', () => {
    const items = daily(4)
    const locked = { ...items[1]!, lockedUntil: '2026-12-01T00:00:00.000Z' }
    const released = { ...items[2]!, lockedUntil: '2026-11-20T00:00:00.000Z' }
    const held = { ...items[3]!, legalHold: true }
    const plan = planRetention([items[0]!, locked, released, held], { last: 1 }, { now })
    expect(removedOf(plan)).toEqual([released.id])
    expect(reasonsOf(plan, locked.id)).toEqual(['locked until 2026-12-01T00:00:00.000Z'])
    expect(reasonsOf(plan, held.id)).toEqual(['under legal hold'])
  })
})

describe('sets without a manifest', () => {
  const orphan = itemAt('2026-11-15', { id: 'orphan', isUnpublished: true })
  const fresh = itemAt('2026-11-21T11:00:00Z', { id: 'fresh', isUnpublished: true })

  it('are removed after the grace period and never counted', () => {
    const plan = planRetention([orphan, fresh, ...daily(3)], { last: 2 }, { now })
    expect(removedOf(plan)).toEqual([daily(3)[2]!.id, 'orphan'])
    expect(reasonsOf(plan, 'fresh')[0]).toMatch(/a backup may be running/)
    expect(plan.groups[0]!.unpublished.items).toBe(2)
  })

  it('are judged by when their newest object was stored, not by the name', () => {
    const slow = { ...orphan, lastModified: '2026-11-21T11:59:00.000Z' }
    expect(removedOf(planRetention([slow, ...daily(1)], { last: 1 }, { now }))).toEqual([])
  })

  it('stay where there is no good item at all', () => {
    expect(removedOf(planRetention([orphan], { last: 1 }, { now }))).toEqual([])
  })
})

describe('dates', () => {
  it('keeps items dated in the future, and lets them take no place', () => {
    const future = itemAt('2027-01-01')
    const plan = planRetention([...daily(3), future], { last: 1 }, { now })
    expect(keptOf(plan)).toEqual([future.id, daily(1)[0]!.id])
    expect(reasonsOf(plan, future.id)).toEqual(['dated in the future'])
  })

  it('counts a window from the newest item that is not dated in the future', () => {
    const items = [itemAt('2027-01-01'), ...daily(5)]
    const plan = planRetention(items, { within: '49h' }, { now })
    expect(keptOf(plan)).toEqual([items[0]!.id, ...daily(3).map(({ id }) => id)])
  })

  it('counts an item like any other once its time has come', () => {
    const ahead = itemAt(new Date(now.getTime() + HOUR_MS))
    const items = [ahead, ...daily(3)]
    const keptAt = (minutes: number): string[] =>
      keptOf(planRetention(items, { last: 2 }, { now: new Date(now.getTime() + minutes * 60_000) }))
    expect(keptAt(59)).toEqual([ahead.id, ...daily(2).map(({ id }) => id)])
    expect(keptAt(60)).toEqual([ahead.id, daily(1)[0]!.id])
  })

  it('decides between equal times by id', () => {
    const twins = [itemAt('2026-11-01', { id: 'b' }), itemAt('2026-11-01', { id: 'a' })]
    expect(keptOf(planRetention(twins, { last: 1 }, { now }))).toEqual(['a'])
  })

  it('never goes by the order of names', () => {
    const items = [
      itemAt('2026-11-01', { id: 'pg17/z' }),
      itemAt('2026-11-02', { id: 'pg18/a' }),
      itemAt('2026-11-03', { id: 'pg9/0' }),
    ]
    expect(keptOf(planRetention(items, { last: 1 }, { now }))).toEqual(['pg9/0'])
  })

  it.each([
    ['an unknown zone', {}, 'Mars/Olympus', 'RETENTION_TIME_ZONE_UNKNOWN'],
    ['a time that is none', { time: 'yesterday' }, 'UTC', 'RETENTION_ITEM_INVALID'],
  ])('refuses %s', (_, extra, timeZone, code) => {
    const items = [{ ...itemAt(now), ...extra }]
    expect(() => planRetention(items, { last: 1 }, { now, timeZone })).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('refuses two items with one id', () => {
    const items = [itemAt(now), itemAt(now)]
    expect(() => planRetention(items, { last: 1 }, { now })).toThrow(
      expect.objectContaining({ code: 'RETENTION_ITEM_INVALID' }),
    )
  })
})

describe('what holds for all items and policies', () => {
  const arbitraryCount = fc.option(fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(-1)), {
    nil: undefined,
  })
  const arbitraryWithin = fc.option(fc.constantFrom('1h', '36h', '7d', '1m', '1y2m3d4h'), { nil: undefined })
  const arbitraryPolicy: fc.Arbitrary<RetentionPolicy> = fc.record({
    maxAgeDays: fc.option(fc.constantFrom(1, 7, 30), { nil: undefined }),
    last: arbitraryCount,
    hourly: arbitraryCount,
    daily: arbitraryCount,
    weekly: arbitraryCount,
    monthly: arbitraryCount,
    yearly: fc.constantFrom(1, 2, -1),
    within: arbitraryWithin,
    withinDaily: arbitraryWithin,
    withinMonthly: arbitraryWithin,
    tags: fc.option(fc.constantFrom([['x']], [['x', 'y'], ['']]), { nil: undefined }),
    minKeep: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  })
  const arbitraryItems = fc
    .array(
      fc.record({
        hoursAgo: fc.oneof(fc.integer({ min: -48, max: 24 * 10 }), fc.integer({ min: 0, max: 24 * 800 })),
        group: fc.constantFrom('a', 'b'),
        tags: fc.subarray(['x', 'y']),
        isBroken: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0),
        isUnpublished: fc.integer({ min: 0, max: 8 }).map((dice) => dice === 0),
        legalHold: fc.integer({ min: 0, max: 8 }).map((dice) => dice === 0),
        requires: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 1 }),
        needsOther: fc.integer({ min: 0, max: 3 }).map((dice) => dice === 0),
      }),
      { maxLength: 40 },
    )
    .map((facts) =>
      facts.map(
        ({ hoursAgo, requires, needsOther, isBroken, isUnpublished, ...rest }, index): RetentionItem => ({
          ...itemAt(new Date(now.getTime() - hoursAgo * HOUR_MS)),
          ...rest,
          id: String(index),
          ...(isBroken ? { problem: 'broken' } : {}),
          ...(isUnpublished ? { isUnpublished } : {}),
          ...(needsOther ? { requires: requires.map(String).filter((id) => Number(id) < facts.length) } : {}),
        }),
      ),
    )
  const arbitraryZone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
  )

  const holds = (
    property: (items: RetentionItem[], policy: RetentionPolicy, timeZone: string) => void,
  ): void => {
    fc.assert(fc.property(arbitraryItems, arbitraryPolicy, arbitraryZone, property), { numRuns: 400 })
  }

  it('decides every item once', () => {
    holds((items, policy, timeZone) => {
      const plan = planRetention(items, policy, { now, timeZone })
      expect(idsOf(plan.decisions).toSorted()).toEqual(items.map(({ id }) => id).toSorted())
      expect(plan.kept.items + plan.removed.items).toBe(items.length)
      expect(plan.decisions.every(({ reasons }) => reasons.length > 0)).toBe(true)
    })
  })

  it('does not depend on the order of its input', () => {
    holds((items, policy, timeZone) => {
      const forwards = planRetention(items, policy, { now, timeZone })
      const backwards = planRetention(items.toReversed(), policy, { now, timeZone })
      expect(outline(backwards)).toEqual(outline(forwards))
    })
  })

  it('removes nothing when it plans again after the plan was carried out', () => {
    holds((items, policy, timeZone) => {
      const kept = planRetention(items, policy, { now, timeZone }).decisions.filter(({ keep }) => keep)
      const again = planRetention(
        kept.map(({ item }) => item),
        policy,
        { now, timeZone },
      )
      expect(removedOf(again)).toEqual([])
    })
  })

  it('keeps the newest good item of every group, and all that any kept item needs', () => {
    holds((items, policy, timeZone) => {
      const plan = planRetention(items, policy, { now, timeZone })
      const kept = new Set(keptOf(plan))
      for (const group of ['a', 'b']) {
        const newest = plan.decisions.find(({ item, state }) => item.group === group && state === 'good')
        expect(newest?.keep ?? true).toBe(true)
      }
      const needed = plan.decisions.filter(({ keep }) => keep).flatMap(({ item }) => item.requires ?? [])
      expect(needed.filter((id) => !kept.has(id))).toEqual([])
    })
  })

  it('changes nothing in one group when another gets an item', () => {
    holds((items, policy, timeZone) => {
      const alone = items.filter(({ group, requires }) => group === 'a' && requires === undefined)
      const before = planRetention(alone, policy, { now, timeZone })
      const after = planRetention([...alone, itemAt(now, { group: 'b' })], policy, { now, timeZone })
      expect(after.decisions.filter(({ item }) => item.group === 'a')).toEqual(before.decisions)
    })
  })

  it('takes no rule’s reason away from a good item when an older one is added, but that of being the oldest', () => {
    const ages = fc.integer({ min: 0, max: 24 * 800 })
    /** An item that is needed by the oldest stays only as long as that does. */
    const byRule = (reason: string): boolean => !/^(?:oldest|required) ?/.test(reason)
    fc.assert(
      fc.property(arbitraryItems, arbitraryPolicy, arbitraryZone, ages, (items, policy, timeZone, age) => {
        const added = itemAt(new Date(now.getTime() - age * HOUR_MS), { group: 'a', id: 'added' })
        const rules = { ...policy, minKeep: undefined }
        const before = planRetention(items, rules, { now, timeZone })
        const after = planRetention([...items, added], rules, { now, timeZone })
        for (const { item, keep, state, reasons } of before.decisions) {
          if (!keep || state !== 'good' || Date.parse(item.time) <= Date.parse(added.time)) continue
          expect(reasonsOf(after, item.id)).toEqual(expect.arrayContaining(reasons.filter(byRule)))
        }
      }),
      { numRuns: 400 },
    )
  })

  it('decides one group in the same way whatever comes at the same times in another', () => {
    holds((items, policy, timeZone) => {
      const alone = items.filter(({ requires }) => requires === undefined)
      const ofOthers = alone.map((item) => Object.assign({}, item, { group: 'c', id: `c${item.id}` }))
      const before = planRetention(alone, policy, { now, timeZone })
      const after = planRetention([...alone, ...ofOthers], policy, { now, timeZone })
      expect(after.decisions.filter(({ item }) => item.group !== 'c')).toEqual(before.decisions)
    })
  })

  it('lets a new newest item take the place of the last of a count at most, and of the oldest that had filled a free one', () => {
    const rules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
    fc.assert(
      fc.property(
        arbitraryItems,
        fc.constantFrom(...rules),
        fc.integer({ min: 1, max: 6 }),
        (all, rule, count) => {
          const items = all
            .filter(
              ({ time, group, problem, isUnpublished }) =>
                group === 'a' &&
                problem === undefined &&
                isUnpublished !== true &&
                Date.parse(time) < now.getTime(),
            )
            .map(({ id, group, time, bytes }) => ({ id, group, time, bytes }))
          const added = itemAt(now, { group: 'a', id: 'added' })
          const keptBy = (list: readonly RetentionItem[]): string[] =>
            keptOf(planRetention(list, { [rule]: count }, { now }))
          const before = keptBy(items)
          const after = keptBy([...items, added])
          expect(after).toContain('added')
          const lost = before.filter((id) => !after.includes(id))
          expect(lost.length).toBeLessThanOrEqual(2)
          expect(after.length).toBeGreaterThanOrEqual(Math.min(before.length, count))
        },
      ),
      { numRuns: 400 },
    )
  })
})
