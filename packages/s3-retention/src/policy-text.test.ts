import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPolicy, type RetentionPolicy } from './policy.ts'
import { formatPolicy, parsePolicy } from './policy-text.ts'

describe('policies as text', () => {
  it.each<[string, RetentionPolicy]>([
    ['keep 30d', { maxAgeDays: 30 }],
    ['30d', { maxAgeDays: 30 }],
    ['keep 4w', { maxAgeDays: 28 }],
    ['keep 1.5d', { maxAgeDays: 1.5 }],
    [
      'last=3,daily=7,weekly=4,monthly=12,yearly=5,within=36h',
      { last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 5, within: '36h' },
    ],
    ['keep 30d, min-keep=3', { maxAgeDays: 30, minKeep: 3 }],
    ['hourly=unlimited daily=all', { hourly: -1, daily: -1 }],
    ['last=-1', { last: -1 }],
    [
      'within-hourly=1d,within-daily=7d,within-weekly=1m,within-monthly=1y,within-yearly=10y',
      { withinHourly: '1d', withinDaily: '7d', withinWeekly: '1m', withinMonthly: '1y', withinYearly: '10y' },
    ],
    ['tag=a+b,tag=c,tag=', { tags: [['a', 'b'], ['c'], ['']] }],
    ['last=1,pin=main/logical/app/2026*,pin=x', { last: 1, pins: ['main/logical/app/2026*', 'x'] }],
  ])('reads "%s"', (text, policy) => {
    expect(parsePolicy(text)).toEqual(policy)
  })

  it.each([
    ['', 'RETENTION_POLICY_EMPTY', 'would remove everything'],
    ['keep', 'RETENTION_POLICY_EMPTY', 'would remove everything'],
    ['daily=0', 'RETENTION_POLICY_EMPTY', 'would remove everything'],
    ['min-keep=3', 'RETENTION_POLICY_EMPTY', 'would remove everything'],
    ['keep 30', 'RETENTION_POLICY_INVALID', 'no unit'],
    ['keep 3m', 'RETENTION_POLICY_INVALID', 'within=3m counts in calendar units'],
    ['keep 3fortnights', 'RETENTION_POLICY_INVALID', 'unknown unit "fortnights"'],
    ['keep 0d', 'RETENTION_POLICY_INVALID', 'above 0'],
    ['daily=-2', 'RETENTION_POLICY_INVALID', 'daily: -2'],
    ['daily=1.5', 'RETENTION_POLICY_INVALID', 'daily: "1.5"'],
    ['daily=7,daily=8', 'RETENTION_POLICY_INVALID', 'daily stands there twice'],
    ['daily=seven', 'RETENTION_POLICY_INVALID', 'daily: "seven"'],
    ['constructor=1', 'RETENTION_POLICY_INVALID', '"constructor" is not a rule'],
    ['within=36', 'RETENTION_POLICY_INVALID', 'within: "36" is not a duration'],
    ['within=0h', 'RETENTION_POLICY_INVALID', 'within: "0h"'],
    ['within=1d2d', 'RETENTION_POLICY_INVALID', 'within: "1d2d"'],
    ['within=5w', 'RETENTION_POLICY_INVALID', 'within: "5w"'],
    ['within=-5d', 'RETENTION_POLICY_INVALID', 'within: "-5d"'],
    ['everything', 'RETENTION_POLICY_INVALID', 'neither an age'],
  ])('refuses "%s"', (text, code, message) => {
    expect(() => parsePolicy(text)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  it('reads back what it writes', () => {
    const count = fc.option(fc.integer({ min: -1, max: 1000 }), { nil: undefined })
    const duration = fc.option(fc.constantFrom('36h', '7d', '1y2m3d4h'), { nil: undefined })
    const word = fc.stringMatching(/^[a-z0-9/*_-]{1,8}$/)
    const arbitrary = fc.record(
      {
        maxAgeDays: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
        last: fc.constant(1),
        hourly: count,
        weekly: count,
        withinDaily: duration,
        within: duration,
        tags: fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
        pins: fc.array(word, { minLength: 1, maxLength: 3 }),
        minKeep: fc.integer({ min: 0, max: 9 }),
      },
      { requiredKeys: ['last'] },
    )
    fc.assert(
      fc.property(arbitrary, (policy) => {
        expect(parsePolicy(formatPolicy(policy))).toEqual(policy)
      }),
    )
  })
})

describe('policies as data', () => {
  it.each([
    [{ last: 'many' }, 'last: "many"'],
    [{ within: 5 }, 'within'],
    [{ dayly: 7 }, '"dayly" is not part of a policy'],
    [{ tags: [[]] }, 'an empty list would keep everything'],
    [{ tags: 'x' }, 'tags'],
    [{ last: 1, pins: [1] }, 'pins'],
    [{ last: 1, minKeep: -1 }, 'minKeep: -1'],
    [{ maxAgeDays: Number.NaN }, 'maxAgeDays'],
    [null, 'a policy is an object'],
  ])('may come from anywhere: %j is refused', (data, message) => {
    const policy: RetentionPolicy = JSON.parse(JSON.stringify(data))
    expect(() => checkPolicy(policy)).toThrow(
      expect.objectContaining({
        code: 'RETENTION_POLICY_INVALID',
        message: expect.stringContaining(message),
      }),
    )
  })
})
