import { describe, expect, it } from 'vitest'
import { findGaps, gapWindowOf } from './gaps.ts'
import { planRetention } from './plan.ts'
import { parsePolicy } from './policy-text.ts'
import type { RetentionItem } from './retention-item.ts'
import { createZoneClock } from './zone-clock.ts'

const now = new Date('2026-11-21T12:00:00Z')
const week = { now, period: 'day', periods: 7 } as const

function itemsOf(days: readonly string[], extra: Partial<RetentionItem> = {}): RetentionItem[] {
  return days.map((day) =>
    Object.assign(
      { id: `${extra.group ?? 'app'}/${day}`, group: 'app', time: `2026-${day}T02:00:00Z`, bytes: 1 },
      extra,
    ),
  )
}

describe('findGaps', () => {
  it('says which days have no good item, and since when', () => {
    const [gaps] = findGaps(itemsOf(['11-10', '11-16', '11-18', '11-19', '11-20', '11-21']), week)
    expect(gaps).toEqual({
      group: 'app',
      period: 'day',
      expected: 7,
      missing: 3,
      newestGood: '2026-11-21T02:00:00.000Z',
      runs: [
        {
          from: '2026-11-14',
          to: '2026-11-15',
          periods: 2,
          since: '2026-11-10T02:00:00.000Z',
          isOpen: false,
        },
        {
          from: '2026-11-17',
          to: '2026-11-17',
          periods: 1,
          since: '2026-11-16T02:00:00.000Z',
          isOpen: false,
        },
      ],
    })
  })

  it('knows an outage that lasts until now', () => {
    const [gaps] = findGaps(itemsOf(['11-15', '11-16', '11-17']), week)
    expect(gaps!.runs).toEqual([
      { from: '2026-11-18', to: '2026-11-20', periods: 3, since: '2026-11-17T02:00:00.000Z', isOpen: true },
    ])
  })

  it('expects nothing before the first item, and not yet of today', () => {
    const [gaps] = findGaps(itemsOf(['11-19', '11-20']), week)
    expect(gaps).toMatchObject({ expected: 2, missing: 0, runs: [] })
  })

  it.each<[string, Partial<RetentionItem>]>([
    ['broken', { problem: 'its restore drill failed' }],
    ['unpublished', { isUnpublished: true }],
    ['resting on something that is gone', { requires: ['nowhere'] }],
  ])('does not count an item that is %s', (_, extra) => {
    const [gaps] = findGaps([...itemsOf(['11-18', '11-20']), ...itemsOf(['11-19'], extra)], week)
    expect(gaps).toMatchObject({ missing: 1, runs: [{ from: '2026-11-19', to: '2026-11-19' }] })
  })

  it('sees no gap in days of which a stopped deletion left something', () => {
    const halfDeleted = itemsOf(['11-15', '11-16', '11-17'], { isUnpublished: true, isHalfDeleted: true })
    const items = [...halfDeleted, ...itemsOf(['11-18', '11-19', '11-20', '11-21'])]
    const { gaps } = planRetention(items, { daily: 7 }, { now })
    for (const found of [gaps, findGaps(items, week)])
      expect(found).toMatchObject([{ expected: 3, missing: 0 }])
    expect(findGaps(halfDeleted, week)).toEqual([
      { group: 'app', period: 'day', expected: 0, missing: 0, runs: [] },
    ])
  })

  it('is not misled by items dated in the future', () => {
    const [gaps] = findGaps(itemsOf(['11-18', '11-30']), week)
    expect(gaps).toMatchObject({ missing: 2, newestGood: '2026-11-18T02:00:00.000Z' })
  })

  it('says so where there is no good item at all', () => {
    const [gaps] = findGaps(itemsOf(['11-19', '11-20'], { problem: 'x' }), week)
    expect(gaps).toEqual({
      group: 'app',
      period: 'day',
      expected: 2,
      missing: 2,
      runs: [{ from: '2026-11-19', to: '2026-11-20', periods: 2, isOpen: true }],
    })
  })

  describe('a group in which nothing came for long', () => {
    const old = itemsOf(['10-01', '10-02', '10-03'], { group: 'renamed' })

    it('has gaps for ever, unless it is said how long makes it retired', () => {
      const [gaps] = findGaps(old, week)
      expect(gaps).toMatchObject({ missing: 7, runs: [{ isOpen: true }] })
      expect(gaps!.isRetired).toBeUndefined()
      expect(findGaps(old, { ...week, retiredAfterDays: 49 })).toEqual([
        {
          group: 'renamed',
          period: 'day',
          expected: 0,
          missing: 0,
          runs: [],
          isRetired: true,
          newestGood: '2026-10-03T02:00:00.000Z',
        },
      ])
      expect(findGaps(old, { ...week, retiredAfterDays: 50 })).toMatchObject([{ missing: 7 }])
    })

    it.each<[string, Partial<RetentionItem>]>([
      ['a backup that failed', { isUnpublished: true }],
      ['a broken one', { problem: 'an object is missing' }],
      ['one dated in the future', { time: '2027-01-01T00:00:00Z' }],
    ])('is not retired when there was %s since', (_, extra) => {
      const items = [...old, ...itemsOf(['11-20'], { group: 'renamed', ...extra })]
      expect(findGaps(items, { ...week, retiredAfterDays: 30 })).toMatchObject([{ missing: 7 }])
    })

    it('does not make another group retired, and is left out of a plan, too', () => {
      const items = [...old, ...itemsOf(['11-18', '11-20'])]
      const { gaps } = planRetention(items, { daily: 7 }, { now, retiredAfterDays: 30 })
      expect(gaps).toMatchObject([
        { group: 'app', missing: 1 },
        { group: 'renamed', missing: 0 },
      ])
    })

    it.each([0, -1, Number.NaN])('cannot be %s days', (retiredAfterDays) => {
      expect(() => findGaps(old, { ...week, retiredAfterDays })).toThrow(
        expect.objectContaining({ code: 'RETENTION_OPTION_INVALID' }),
      )
    })
  })

  it('keeps groups apart', () => {
    const gaps = findGaps(
      [...itemsOf(['11-19', '11-20']), ...itemsOf(['11-18', '11-20'], { group: 'other' })],
      week,
    )
    expect(gaps.map(({ group, missing }) => [group, missing])).toEqual([
      ['app', 0],
      ['other', 1],
    ])
  })

  it('counts days on the clocks of the zone', () => {
    const items = ['2026-11-17T02:00:00Z', '2026-11-18T23:30:00Z', '2026-11-20T02:00:00Z'].map((time) => ({
      id: time,
      group: 'app',
      time,
      bytes: 1,
    }))
    expect(findGaps(items, week)[0]!.runs.map(({ from }) => from)).toEqual(['2026-11-19'])
    expect(findGaps(items, { ...week, timeZone: 'Europe/Berlin' })[0]!.runs.map(({ from }) => from)).toEqual([
      '2026-11-18',
    ])
  })

  it('finds missing hours, also in the night that has one twice', () => {
    const times = ['2026-10-24T23:30:00Z', '2026-10-25T00:30:00Z', '2026-10-25T02:30:00Z']
    const items = times.map((time) => ({ id: time, group: 'app', time, bytes: 1 }))
    const options = {
      now: new Date('2026-10-25T03:30:00Z'),
      period: 'hour',
      periods: 6,
      timeZone: 'Europe/Berlin',
    } as const
    expect(findGaps(items, options)[0]).toMatchObject({
      expected: 4,
      runs: [{ from: '2026-10-25T02+01:00', periods: 1 }],
    })
  })

  it.each([0, -1, 1.5, 100_001, Number.NaN])('refuses to look back %s periods', (periods) => {
    expect(() => findGaps([], { now, period: 'day', periods })).toThrow(
      expect.objectContaining({ code: 'RETENTION_OPTION_INVALID' }),
    )
  })
})

describe('the window that a policy promises', () => {
  it.each([
    ['keep 30d', { period: 'day', periods: 30 }],
    ['last=3,daily=7,weekly=4', { period: 'day', periods: 7 }],
    ['daily=unlimited', { period: 'day', periods: 366 }],
    ['within=36h,within-daily=14d', { period: 'day', periods: 14 }],
    ['weekly=4,monthly=12', { period: 'week', periods: 4 }],
    ['monthly=unlimited', { period: 'month', periods: 12 }],
    ['last=5', { period: 'day', periods: 7 }],
  ])('is, for %s, %j', (text, expected) => {
    expect(gapWindowOf(parsePolicy(text), now.getTime(), createZoneClock('UTC'))).toEqual(expected)
  })

  it('is part of every plan', () => {
    const items = itemsOf(['11-17', '11-18', '11-20', '11-21'])
    expect(planRetention(items, { daily: 7 }, { now }).gaps).toMatchObject([
      { missing: 1, runs: [{ from: '2026-11-19' }] },
    ])
    expect(
      planRetention(items, { daily: 7 }, { now, gaps: { period: 'week', periods: 2 } }).gaps,
    ).toMatchObject([{ period: 'week', missing: 0 }])
  })
})
