import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCalendarDuration, parseCalendarDuration, subtractDuration } from './calendar-duration.ts'
import { periodIndex, periodLabel, PERIODS, periodsBefore, type Period } from './period.ts'
import { planRetention } from './plan.ts'
import { compileTimePattern, timeOfBackupId } from './time-in-name.ts'
import { createZoneClock, utcOfWallTime, type ZoneClock } from './zone-clock.ts'

const FORMATS = new Map<string, Intl.DateTimeFormat>()
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Africa/Casablanca',
]
/** Moments at which clocks were changed in these zones, and the zones. */
const CHANGES: readonly (readonly [string, number])[] = ZONES.flatMap((zone) => changesOf(zone))
/** Moments at any time and, as often, within three hours of a change of the clocks. */
const arbitraryMoment: fc.Arbitrary<readonly [string, number]> = fc.oneof(
  fc.tuple(fc.constantFrom(...ZONES), fc.integer({ min: Date.UTC(2000), max: Date.UTC(2040) })),
  fc
    .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -3 * 3_600_000, max: 3 * 3_600_000 }))
    .map(([[zone, changeMs], nearMs]) => [zone, changeMs + nearMs] as const),
)

/** Found by asking the platform, from 2005 to 2026. */
function changesOf(zone: string): [string, number][] {
  const offsetMs = (utcMs: number): number => Date.parse(`${platformWallTextOf(utcMs, zone)}Z`) - utcMs
  const changes: [string, number][] = []
  for (let day = Date.UTC(2005); day < Date.UTC(2026); day += 86_400_000) {
    if (offsetMs(day) === offsetMs(day + 86_400_000)) continue
    let [low, high] = [day, day + 86_400_000]
    while (high - low > 60_000) {
      const middle = Math.floor((low + high) / 120_000) * 60_000
      if (offsetMs(middle) === offsetMs(day)) low = middle
      else high = middle
    }
    changes.push([zone, high])
  }
  return changes
}

/** What the platform's calendar shows, `2026-11-21T14:00:00`. */
function platformWallTextOf(utcMs: number, zone: string): string {
  return platformFormat(zone).format(utcMs).replace(' ', 'T')
}

function wallTextOf(utcMs: number, clock: ZoneClock): string {
  return new Date(utcMs + clock.offsetMs(utcMs)).toISOString().slice(0, 19)
}

function platformFormat(zone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(zone)
  const format =
    known ?? new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  FORMATS.set(zone, format)
  return format
}

const at = (iso: string): number => Date.parse(iso)
const label = (period: Period, iso: string, zone: string): string => {
  const clock = createZoneClock(zone)
  return periodLabel(period, periodIndex(period, at(iso), clock), clock)
}

describe('time zones', () => {
  it.each([
    ['UTC', '2026-07-01T00:00:00Z', 0],
    ['Europe/Berlin', '2026-01-01T00:00:00Z', 60],
    ['Europe/Berlin', '2026-03-29T00:59:59Z', 60],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 120],
    ['Europe/Berlin', '2026-10-25T00:59:59Z', 120],
    ['Europe/Berlin', '2026-10-25T01:00:00Z', 60],
    ['America/St_Johns', '2026-01-01T00:00:00Z', -210],
    ['Australia/Lord_Howe', '2026-01-01T00:00:00Z', 660],
    ['Australia/Lord_Howe', '2026-07-01T00:00:00Z', 630],
    ['Asia/Kathmandu', '2026-07-01T00:00:00Z', 345],
  ])('%s at %s is %i minutes from UTC', (zone, iso, minutes) => {
    expect(createZoneClock(zone).offsetMs(at(iso))).toBe(minutes * 60_000)
  })

  it('agree with the platform at every moment', () => {
    const moment = fc.date({ min: new Date('1985-01-01'), max: new Date('2045-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), moment, (zone, time) => {
        const wall = new Date(time.getTime() + createZoneClock(zone).offsetMs(time.getTime()))
        const shown = new Intl.DateTimeFormat('sv-SE', {
          timeZone: zone,
          dateStyle: 'short',
          timeStyle: 'medium',
        }).format(time)
        expect(wall.toISOString().slice(0, 19).replace('T', ' ')).toBe(shown)
      }),
      { numRuns: 300 },
    )
  })

  it('agree with the platform on every day of all zones that it knows', () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    const day = fc.date({ min: new Date('1970-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(zones, day, (zone, time) => {
        const clock = createZoneClock(zone)
        // In hours that follow each other, as a clock remembers whole days.
        for (let hour = 0; hour < 48; hour += 1) {
          const utcMs = time.getTime() + hour * 3_600_000
          expect(wallTextOf(utcMs, clock)).toBe(platformWallTextOf(utcMs, zone))
        }
      }),
      { numRuns: 40 },
    )
  })

  it('turn what clocks show back into the first instant at which they show it', () => {
    fc.assert(
      fc.property(arbitraryMoment, ([zone, utcMs]) => {
        const clock = createZoneClock(zone)
        const wallMs = utcMs + clock.offsetMs(utcMs)
        const found = utcOfWallTime(wallMs, clock)
        expect(found + clock.offsetMs(found)).toBe(wallMs)
        expect(found).toBeLessThanOrEqual(utcMs)
      }),
      { numRuns: 1000 },
    )
  })

  it('turn what clocks skip into an instant less than the skipped time away', () => {
    fc.assert(
      fc.property(arbitraryMoment, ([zone, utcMs]) => {
        const clock = createZoneClock(zone)
        const wallMs = utcMs + clock.offsetMs(utcMs - 12 * 3_600_000)
        const found = utcOfWallTime(wallMs, clock)
        const away = Math.abs(found + clock.offsetMs(found) - wallMs)
        const skipped = clock.offsetMs(utcMs + 24 * 3_600_000) - clock.offsetMs(utcMs - 24 * 3_600_000)
        expect(away).toBeLessThanOrEqual(Math.max(0, skipped))
      }),
      { numRuns: 1000 },
    )
  })

  it('take the earlier instant where clocks show a time twice or skip it', () => {
    const berlin = createZoneClock('Europe/Berlin')
    const instant = (wall: string): string => new Date(utcOfWallTime(at(`${wall}Z`), berlin)).toISOString()
    expect(instant('2026-07-01T12:00:00')).toBe('2026-07-01T10:00:00.000Z')
    expect(instant('2026-10-25T02:30:00')).toBe('2026-10-25T00:30:00.000Z')
    expect(instant('2026-03-29T02:30:00')).toBe('2026-03-29T00:30:00.000Z')
  })
})

describe('periods', () => {
  it.each<[Period, string, string, string]>([
    ['year', '2025-12-31T23:30:00Z', 'UTC', '2025'],
    ['year', '2025-12-31T23:30:00Z', 'Europe/Berlin', '2026'],
    ['month', '2024-02-29T12:00:00Z', 'UTC', '2024-02'],
    ['week', '2027-01-03T12:00:00Z', 'UTC', '2026-W53'],
    ['week', '2027-01-04T00:00:00Z', 'UTC', '2027-W01'],
    ['week', '2024-12-30T00:00:00Z', 'UTC', '2025-W01'],
    ['day', '2026-11-21T23:30:00Z', 'Asia/Kathmandu', '2026-11-22'],
    ['hour', '2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T02+02:00'],
    ['hour', '2026-10-25T01:30:00Z', 'Europe/Berlin', '2026-10-25T02+01:00'],
  ])('the %s of %s in %s is %s', (period, iso, zone, expected) => {
    expect(label(period, iso, zone)).toBe(expected)
  })

  it('of months and years are those of the platform', () => {
    const moment = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(moment, (time) => {
        const clock = createZoneClock('UTC')
        const month = periodLabel('month', periodIndex('month', time.getTime(), clock), clock)
        expect(month.padStart(7, '0')).toBe(time.toISOString().slice(0, 7))
        expect(periodIndex('year', time.getTime(), clock)).toBe(time.getUTCFullYear())
      }),
      { numRuns: 1000 },
    )
  })

  it('of hours are two where clocks show one twice', () => {
    const items = ['00:30', '01:30'].map((time) => ({
      id: time,
      group: 'a',
      time: `2026-10-25T${time}:00Z`,
      bytes: 1,
    }))
    const plan = planRetention(
      items,
      { hourly: 5 },
      { now: new Date('2026-11-01'), timeZone: 'Europe/Berlin' },
    )
    expect(plan.kept.items).toBe(2)
  })

  it('of days are spent once, also where clocks are set back over midnight', () => {
    // In 2006, clocks in St. John's went from 00:01 back to 23:01 of the day before.
    const times = [
      '2006-10-29T02:30:30Z',
      '2006-10-29T03:00:00Z',
      '2006-10-29T04:00:00Z',
      '2006-10-28T12:00:00Z',
    ]
    const items = times.map((time) => ({ id: time, group: 'a', time, bytes: 1 }))
    const plan = planRetention(
      items,
      { daily: 3 },
      { now: new Date('2006-11-01'), timeZone: 'America/St_Johns' },
    )
    const kept = plan.decisions
      .filter(({ keep }) => keep)
      .map(({ item, reasons }) => [item.id, reasons.join()])
    expect(kept).toEqual([
      ['2006-10-29T04:00:00Z', 'daily snapshot'],
      ['2006-10-29T03:00:00Z', 'daily snapshot'],
      ['2006-10-28T12:00:00Z', 'oldest daily snapshot'],
    ])
  })

  it('of hours never fall as time goes on, hold their instants, and take no longer than an hour', () => {
    const step = fc.integer({ min: 0, max: 3 * 3_600_000 })
    fc.assert(
      fc.property(arbitraryMoment, step, ([zone, utcMs], stepMs) => {
        const clock = createZoneClock(zone)
        const [first, second] = [
          periodIndex('hour', utcMs, clock),
          periodIndex('hour', utcMs + stepMs, clock),
        ]
        expect(first).toBeLessThanOrEqual(second)
        expect(utcMs - first).toBeGreaterThanOrEqual(0)
        expect(utcMs - first).toBeLessThan(3_600_000)
      }),
      { numRuns: 1000 },
    )
  })

  it('of days, weeks, months and years are those of what clocks show', () => {
    fc.assert(
      fc.property(arbitraryMoment, ([zone, utcMs]) => {
        const clock = createZoneClock(zone)
        const shown = platformWallTextOf(utcMs, zone)
        const labelOf = (period: Period): string =>
          periodLabel(period, periodIndex(period, utcMs, clock), clock)
        expect(labelOf('day')).toBe(shown.slice(0, 10))
        expect(labelOf('month')).toBe(shown.slice(0, 7))
        expect(labelOf('year')).toBe(shown.slice(0, 4))
        const monday = periodIndex('week', utcMs, clock) * 7 - 3
        expect(new Date(monday * 86_400_000).getUTCDay()).toBe(1)
        const age = Date.parse(`${shown.slice(0, 10)}T00:00:00Z`) / 86_400_000 - monday
        expect(age).toBeGreaterThanOrEqual(0)
        expect(age).toBeLessThan(7)
      }),
      { numRuns: 300 },
    )
  })

  it('follow each other without holes in every zone', () => {
    const moment = fc.date({ min: new Date('2000-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.constantFrom(...PERIODS), moment, (zone, period, time) => {
        const clock = createZoneClock(zone)
        const before = periodsBefore(period, time.getTime(), 40, clock)
        const all = [...before, periodIndex(period, time.getTime(), clock)]
        expect(all).toEqual(all.toSorted((a, b) => a - b))
        expect(new Set(all.map((index) => periodLabel(period, index, clock))).size).toBe(41)
      }),
      { numRuns: 300 },
    )
  })
})

describe('calendar durations', () => {
  it.each([
    ['2026-03-31T12:00:00Z', '1m', 'UTC', '2026-03-03T12:00:00.000Z'],
    ['2024-02-29T12:00:00Z', '1y', 'UTC', '2023-03-01T12:00:00.000Z'],
    ['2026-03-29T12:00:00Z', '1d', 'Europe/Berlin', '2026-03-28T13:00:00.000Z'],
    ['2026-03-29T12:00:00Z', '24h', 'Europe/Berlin', '2026-03-28T12:00:00.000Z'],
    ['2026-01-15T00:00:00Z', '1y2m3d4h', 'UTC', '2024-11-11T20:00:00.000Z'],
  ])('%s less %s in %s is %s', (from, text, zone, expected) => {
    const earlier = subtractDuration(at(from), parseCalendarDuration(text, 'within'), createZoneClock(zone))
    expect(new Date(earlier).toISOString()).toBe(expected)
  })

  it('of hours alone are real time, also in the hour that clocks show twice', () => {
    const berlin = createZoneClock('Europe/Berlin')
    const second = at('2026-10-25T01:30:00Z')
    const hour = parseCalendarDuration('1h', 'within')
    expect(subtractDuration(second, hour, berlin)).toBe(at('2026-10-25T00:30:00Z'))
    fc.assert(
      fc.property(arbitraryMoment, fc.integer({ min: 1, max: 9999 }), ([zone, utcMs], hours) => {
        const duration = parseCalendarDuration(`${hours}h`, 'within')
        expect(subtractDuration(utcMs, duration, createZoneClock(zone))).toBe(utcMs - hours * 3_600_000)
      }),
      { numRuns: 500 },
    )
  })

  it('of days end when clocks show the same time, or at the earlier instant where they show it twice or not', () => {
    fc.assert(
      fc.property(arbitraryMoment, fc.integer({ min: 1, max: 400 }), ([zone, utcMs], days) => {
        const clock = createZoneClock(zone)
        const earlier = subtractDuration(utcMs, parseCalendarDuration(`${days}d`, 'within'), clock)
        expect(earlier).toBe(utcOfWallTime(utcMs + clock.offsetMs(utcMs) - days * 86_400_000, clock))
        expect(earlier).toBeLessThan(utcMs)
      }),
      { numRuns: 500 },
    )
  })

  it('are written in one order', () => {
    expect(formatCalendarDuration(parseCalendarDuration('4h3d1y', 'within'))).toBe('1y3d4h')
  })
})

describe('times in names', () => {
  it.each([
    ['20261121T020000Z-4fk2q9', '2026-11-21T02:00:00.000Z'],
    ['20240229T235959Z-000000', '2024-02-29T23:59:59.000Z'],
    ['20260229T000000Z-4fk2q9', undefined],
    ['20261321T020000Z-4fk2q9', undefined],
    ['20261121T240000Z-4fk2q9', undefined],
    ['20261121T020000Z-4FK2Q9', undefined],
    ['20261121T020000Z', undefined],
    ['x20261121T020000Z-4fk2q9', undefined],
  ])('the backup id %s is of %s', (id, expected) => {
    const timeMs = timeOfBackupId(id)
    expect(timeMs === undefined ? undefined : new Date(timeMs).toISOString()).toBe(expected)
  })

  it.each([
    ['%Y-%m-%d', 'UTC', 'a/app-2026-11-21.sql', '2026-11-21T00:00:00.000Z'],
    ['%Y-%m-%d', 'Europe/Berlin', 'a/app-2026-11-21.sql', '2026-11-20T23:00:00.000Z'],
    ['%Y/%m/%d/%H%M%S', 'UTC', 'logs/2026/11/21/235959.gz', '2026-11-21T23:59:59.000Z'],
    ['_%s.', 'UTC', 'dump_1763683200.gz', '2025-11-21T00:00:00.000Z'],
    ['100%%.%Y%m%d', 'UTC', '100%.20261121', '2026-11-21T00:00:00.000Z'],
    ['%Y-%m-%d', 'UTC', 'app-2026-02-30.sql', undefined],
    ['%Y-%m-%d', 'UTC', 'app-latest.sql', undefined],
    ['(%Y).%m.%d', 'UTC', '2026.11.21', undefined],
  ])('the pattern %s in %s reads %s as %s', (pattern, zone, key, expected) => {
    const timeMs = compileTimePattern(pattern, createZoneClock(zone))(key)
    expect(timeMs === undefined ? undefined : new Date(timeMs).toISOString()).toBe(expected)
  })

  it.each(['', '%Y-%m', '%Y-%m-%d-%d', '%Y-%m-%d %s', '%Q', '%Y-%m-%d%'])(
    'the pattern "%s" is refused',
    (pattern) => {
      expect(() => compileTimePattern(pattern, createZoneClock('UTC'))).toThrow(
        expect.objectContaining({ code: 'RETENTION_OPTION_INVALID' }),
      )
    },
  )
})
