import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPattern, cronSchedule, type Schedule } from './schedule.ts'

const HOUR = 3_600_000

function berlin(pattern: string, jitterMs = 0): Schedule {
  return cronSchedule({ pattern, timeZone: 'Europe/Berlin', jitterMs, name: 'backup app' })
}

/** All slots after `from` up to `to`, one from the other. */
function slots(schedule: Schedule, from: string, to: string): string[] {
  const found: string[] = []
  const end = Date.parse(to)
  for (let at = schedule.next(Date.parse(from)); at !== undefined && at <= end; at = schedule.next(at))
    found.push(new Date(at).toISOString().slice(0, 16))
  return found
}

describe('a daily job in Berlin', () => {
  it('at 02:30 runs once on the day without that hour, as soon as it is over', () => {
    expect(slots(berlin('30 2 * * *'), '2026-03-27T12:00Z', '2026-03-31T12:00Z')).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ])
  })

  it('at 02:30 runs once on the day that has that hour twice', () => {
    expect(slots(berlin('30 2 * * *'), '2026-10-23T12:00Z', '2026-10-27T12:00Z')).toEqual([
      '2026-10-24T00:30',
      '2026-10-25T00:30',
      '2026-10-26T01:30',
      '2026-10-27T01:30',
    ])
  })

  it.each(['2026-03-29', '2026-10-25'])('has one slot on %s at whatever minute of the night', (day) => {
    const local = (at: string): string =>
      new Date(`${at}Z`).toLocaleDateString('sv-SE', { timeZone: 'Europe/Berlin' })
    for (let minute = 0; minute < 240; minute += 10) {
      const found = slots(
        berlin(`${minute % 60} ${Math.floor(minute / 60)} * * *`),
        `${day.slice(0, 8)}01T12:00Z`,
        `${day.slice(0, 8)}30T12:00Z`,
      )
      expect([minute, found.filter((at) => local(at) === day).length]).toEqual([minute, 1])
    }
  })
})

describe('a schedule', () => {
  it('has slots that do not depend on who asks when: the last has come, the next has not, and none lies between', () => {
    const time = fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-12-31') })
    const pattern = fc.constantFrom('30 2 * * *', '0 3 * * 0', '*/30 * * * *', '0 0 1 * *', '*/20 * * * * *')
    fc.assert(
      fc.property(time, pattern, fc.constantFrom(0, HOUR), (now, each, jitterMs) => {
        const last = berlin(each, jitterMs).last(now)!
        const next = berlin(each, jitterMs).next(now)!
        expect(last).toBeLessThanOrEqual(now)
        expect(next).toBeGreaterThan(now)
        expect(berlin(each, jitterMs).next(last)).toBe(next)
        expect(berlin(each, jitterMs).last(next)).toBe(next)
        expect(berlin(each, jitterMs).last(next - 1)).toBe(last)
      }),
    )
  })

  it('that is put off is put off by the same whole seconds every time', () => {
    const schedule = berlin('0 2 * * *', HOUR)
    const [first, second] = [
      schedule.next(Date.parse('2026-06-01'))!,
      schedule.next(Date.parse('2026-06-02'))!,
    ]
    expect(second - first).toBe(24 * HOUR)
    expect(first % 1000).toBe(0)
    const delay = first - Date.parse('2026-06-01T00:00Z')
    expect(delay).toBeGreaterThan(0)
    expect(delay).toBeLessThan(HOUR)
  })

  it('may be never', () => {
    const never = berlin('never')
    expect([never.last(0), never.next(0)]).toEqual([undefined, undefined])
    expect(checkPattern('never')).toBe('never')
  })

  it.each([
    ['at night', /night/],
    ['61 * * * *', /61/],
    ['0 0 31 2 *', /never comes/],
  ])('is not "%s"', (pattern, problem) => {
    expect(() => checkPattern(pattern)).toThrow(problem)
  })
})
