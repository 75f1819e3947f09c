import { startPostgres } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import type { ArchiveContents } from '../src/archive/index.ts'
import { SHOP } from './archive-shop.ts'
import { content, copyDatabase, CUSTOM_FORMAT, dumpArchive } from './dump-archive.ts'

/** The archive version that the pg_dump of each major version writes. */
const VERSIONS = [
  { major: 15, archive: '1.14' },
  { major: 17, archive: '1.16' },
  { major: 18, archive: '1.16' },
]

describe('archives of the supported servers', () => {
  const seen: ArchiveContents[] = []

  it.each(VERSIONS)('PostgreSQL $major: a restored copy has the same content', async ({ major, archive }) => {
    await using server = await startPostgres({ mode: 'container', version: major })
    await server.createDatabase('shop')
    await server.query(SHOP, 'shop')
    await server.createDatabase('other')
    await copyDatabase(server, 'shop', 'other')
    const before = await dumpArchive(server, 'shop')
    expect(before.header.version).toBe(archive)
    expect(before.header.serverVersion).toMatch(new RegExp(`^${major}\\b`))
    expect(content(await dumpArchive(server, 'other'))).toEqual(content(before))
    seen.push(before)
  })

  it('PostgreSQL 18: planner statistics in the archive make no difference', async () => {
    await using server = await startPostgres({ mode: 'container', version: 18 })
    await server.createDatabase('shop')
    await server.query(`${SHOP}; ANALYZE`, 'shop')
    const withStatistics = await dumpArchive(server, 'shop', [...CUSTOM_FORMAT, '--statistics'])
    expect(withStatistics.entries.some(({ type }) => type === 'STATISTICS DATA')).toBe(true)
    expect(content(withStatistics)).toEqual(content(await dumpArchive(server, 'shop')))
  })

  it('all give the same rows the same digests', () => {
    expect(seen).toHaveLength(VERSIONS.length)
    for (const { tables, largeObjects, sequences } of seen) {
      expect({ tables, largeObjects, sequences }).toEqual({
        tables: seen[0]!.tables,
        largeObjects: seen[0]!.largeObjects,
        sequences: seen[0]!.sequences,
      })
    }
  })
})
