import { posix } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backupFolder, backupIdTime, backupOfManifestKey, newBackupId } from './backup-set.ts'

const id = '20261121T020000Z-4fk2q9'
const anyTime = fc.date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
const anyName = fc.string({ unit: 'binary', minLength: 1 }).filter((name) => name.isWellFormed())

describe('a backup id', () => {
  it('holds its time to the second', () => {
    fc.assert(
      fc.property(anyTime, (time) => {
        expect(backupIdTime(newBackupId(time))?.getTime()).toBe(Math.floor(time.getTime() / 1000) * 1000)
      }),
    )
  })

  it('sorts by time, to the millisecond', () => {
    const later = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 1e12 }))
    fc.assert(
      fc.property(anyTime, later, (a, laterMs) => {
        const b = new Date(a.getTime() + laterMs)
        fc.pre(b.getUTCFullYear() <= 9999)
        expect(newBackupId(a) < newBackupId(b)).toBe(true)
      }),
    )
  })

  it('is another one for every backup of one moment', () => {
    const now = new Date()
    expect(new Set(Array.from({ length: 100 }, () => newBackupId(now))).size).toBeGreaterThan(95)
  })

  it.each([
    '',
    'latest',
    '20261121T020000Z',
    '20261321T020000Z-4fk2q9',
    '20261121T020000Z-4FK2Q9',
    `../${id}`,
    `${id}/x`,
  ])('is not %j', (text) => {
    expect(backupIdTime(text)).toBeUndefined()
    expect(() => backupFolder({ cluster: 'main', database: 'app', id: text })).toThrow('is not a backup id')
  })
})

describe('the folder of a backup', () => {
  it('is cluster, kind, database and id', () => {
    expect(backupFolder({ cluster: 'main', database: 'app', id })).toBe(`main/logical/app/${id}/`)
  })

  it('has exactly four harmless segments whatever the names are, and leads back to them', () => {
    fc.assert(
      fc.property(anyName, anyName, (cluster, database) => {
        const folder = backupFolder({ cluster, database, id })
        const segments = folder.split('/')
        expect(segments).toHaveLength(5)
        expect(
          segments
            .slice(0, 4)
            .every((segment) => /^[A-Za-z0-9_.%-]+$/.test(segment) && !/^\.+$/.test(segment)),
        ).toBe(true)
        expect(backupOfManifestKey(`${folder}manifest.json`)).toEqual({ cluster, database, id })
      }),
    )
  })

  it.each(['.', '..', '../..', 'a/b', 'a b', '%2e', "it's", 'Größe'])(
    'keeps a database called %j inside',
    (database) => {
      const folder = backupFolder({ cluster: 'main', database, id })
      expect(posix.join('/store', folder)).toBe(`/store/${folder}`)
    },
  )

  it.each([
    `main/logical/app/${id}/dump.pgc.zst`,
    `main/base/app/${id}/manifest.json`,
    `x/main/logical/app/${id}/manifest.json`,
    `main/logical/%ZZ/${id}/manifest.json`,
    'manifest.json',
  ])('is not what %s belongs to', (key) => {
    expect(backupOfManifestKey(key)).toBeUndefined()
  })
})
