import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sample } from './select-backups.ts'

const backupsOn = (days: readonly number[]) =>
  days.map((day, index) => ({
    cluster: 'main',
    database: 'shop',
    id: `${day}-${index}`,
    startedAt: new Date(day * 86_400_000).toISOString(),
  }))

describe('a sample', () => {
  const days = fc.array(fc.integer({ min: 20_000, max: 20_400 }), { maxLength: 60 })

  it('takes exactly one backup of every window that has any, and the same one for the same seed', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 40 }), fc.string(), (on, everyDays, seed) => {
        const backups = backupsOn(on)
        const taken = sample(backups, { everyDays, seed })
        const windowOf = (backup: { startedAt: string }): number =>
          Math.floor(Date.parse(backup.startedAt) / 86_400_000 / everyDays)
        expect(new Set(taken.map(windowOf))).toEqual(new Set(backups.map(windowOf)))
        expect(taken).toHaveLength(new Set(backups.map(windowOf)).size)
        expect(sample(backups, { everyDays, seed })).toEqual(taken)
      }),
    )
  })

  it('takes others for another seed', () => {
    const backups = backupsOn(Array.from({ length: 100 }, (_, index) => 20_000 + index))
    const ids = (seed: string): string =>
      sample(backups, { everyDays: 10, seed })
        .map((each) => each.id)
        .join()
    expect(ids('a')).not.toBe(ids('b'))
  })

  it('does not change where backups are added elsewhere', () => {
    const old = backupsOn([20_000, 20_003, 20_005])
    const [first] = sample(old, { everyDays: 10, seed: 's' })
    expect(sample([...old, ...backupsOn([20_011])], { everyDays: 10, seed: 's' })[0]).toEqual(first)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a window of %d days', (everyDays) => {
    expect(() => sample([], { everyDays, seed: '' })).toThrow('whole number')
  })
})
