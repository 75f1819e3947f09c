import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { judgeSet } from './judge-set.ts'
import type { RetentionItem } from './retention-item.ts'
import { sortIntoSets, type SetFolder } from './set-folder.ts'

const FOLDER = 'main/logical/app/20261121T020000Z-4fk2q9'
const STORED_AT = '2026-11-21T02:10:00.000Z'
const objects = [{ name: 'dump.pgc.zst', storedBytes: 10 }]

const drill = (verdict: string): object => ({ format: 'ops.verification/1', verdict })

const textOf = (value: unknown): string | undefined =>
  value === undefined || typeof value === 'string' ? value : JSON.stringify(value)

function judge(files: Record<string, number>, manifest: unknown, verification?: unknown): RetentionItem {
  const [set] = setsOf(files)
  return judgeSet(set!, { manifest: textOf(manifest), verification: textOf(verification) })
}

function setsOf(files: Record<string, number>): SetFolder[] {
  const listed = Object.entries(files).map(([name, size]) => ({
    key: `${FOLDER}/${name}`,
    size,
    lastModified: STORED_AT,
  }))
  return sortIntoSets(listed).sets
}

const whole = { 'dump.pgc.zst': 10, 'manifest.json': 5 }

describe('a set', () => {
  it('is good when its manifest and all its objects are there', () => {
    expect(judge(whole, { objects })).toEqual({
      id: FOLDER,
      group: 'main/logical/app',
      time: '2026-11-21T02:00:00.000Z',
      timeSource: 'id',
      bytes: 15,
      lastModified: STORED_AT,
      noteKey: `${FOLDER}/retention-deleting.json`,
      objects: [
        { key: `${FOLDER}/manifest.json`, size: 5, lastModified: STORED_AT },
        { key: `${FOLDER}/dump.pgc.zst`, size: 10, lastModified: STORED_AT },
      ],
    })
  })

  it.each<[string, Record<string, number>, unknown, unknown, string | undefined]>([
    [
      'an object is missing',
      { 'manifest.json': 5 },
      { objects },
      undefined,
      `"${FOLDER}/dump.pgc.zst" is missing`,
    ],
    [
      'an object was cut short',
      { ...whole, 'dump.pgc.zst': 4 },
      { objects },
      undefined,
      `"${FOLDER}/dump.pgc.zst" has 4 bytes instead of 10`,
    ],
    ['the manifest is not JSON', whole, '{"objects":[', undefined, 'its manifest.json is not JSON'],
    ['the manifest is a list', whole, [], undefined, 'its manifest.json is not JSON'],
    ['the manifest lists nothing', whole, {}, undefined, 'its manifest.json does not list its objects'],
    [
      'the manifest lists nonsense',
      whole,
      { objects: [7] },
      undefined,
      'its manifest.json lists an object without name or size',
    ],
    [
      'the manifest points elsewhere',
      whole,
      { objects: [{ name: '../other/dump', storedBytes: 1 }] },
      undefined,
      `"${FOLDER}/../other/dump" is missing`,
    ],
    [
      'a drill brought back something else',
      whole,
      { objects },
      drill('disproven'),
      'its restore drill brought back something else',
    ],
    [
      'a drill of this manifest disproved it',
      whole,
      { objects },
      {
        ...drill('disproven'),
        manifestSha256: createHash('sha256').update(JSON.stringify({ objects })).digest('hex'),
      },
      'its restore drill brought back something else',
    ],
    [
      'a drill disproved what was there before',
      whole,
      { objects },
      { ...drill('disproven'), manifestSha256: 'ab'.repeat(32) },
      undefined,
    ],
    [
      'a drill has no known verdict',
      whole,
      { objects },
      drill('perhaps'),
      'its verification.json has no verdict that is known',
    ],
    ['a drill proved it', whole, { objects }, { ...drill('proven'), tables: [] }, undefined],
    [
      'a drill is on record in another format',
      whole,
      { objects },
      { format: 'ops.verification/2', verdict: 'proven' },
      'its verification.json is not in the format ops.verification/1',
    ],
    [
      'the record of a drill is not JSON',
      whole,
      { objects },
      '{',
      'its verification.json is not in the format ops.verification/1',
    ],
  ])('when %s', (_, files, manifest, verification, problem) => {
    expect(judge(files, manifest, verification).problem).toBe(problem)
  })

  it('without a manifest is unpublished', () => {
    expect(judge({ 'dump.pgc.zst': 10 }, undefined)).toMatchObject({ isUnpublished: true })
  })

  it('is pinned by an object of that name, and takes tags and requirements from its manifest', () => {
    const requires = ['20261120T020000Z-aaaaaa', 'main/base/20261101T000000Z-bbbbbb', 7]
    expect(judge({ ...whole, pinned: 0 }, { objects, tags: ['release', 1], requires })).toMatchObject({
      pinned: true,
      tags: ['release'],
      requires: ['main/logical/app/20261120T020000Z-aaaaaa', 'main/base/20261101T000000Z-bbbbbb'],
    })
  })
})

describe('what is left of a set whose deletion was begun', () => {
  const NOTE = 'retention-deleting.json'
  const left = { 'dump.pgc.zst': 10, 'globals.sql.zst': 3 }
  const named = Object.entries({ 'manifest.json': 5, ...left }).map(([name, size]) => ({
    key: `${FOLDER}/${name}`,
    size,
    lastModified: STORED_AT,
  }))
  const note = { format: 'ops.retention-deletion/1', set: FOLDER, objects: named }
  const [set] = setsOf({ ...left, [NOTE]: 99 })

  it('is told by its note, which goes last', () => {
    const item = judgeSet(set!, { note: JSON.stringify(note) })
    expect(item).toMatchObject({ isHalfDeleted: true, isUnpublished: true })
    expect(item.objects!.at(-1)!.key).toBe(`${FOLDER}/${NOTE}`)
  })

  it('may be the note alone', () => {
    expect(judgeSet(setsOf({ [NOTE]: 99 })[0]!, { note: JSON.stringify(note) }).isHalfDeleted).toBe(true)
  })

  it.each<[string, unknown]>([
    ['is not JSON', '{"format"'],
    ['is null', null],
    ['has another format', { ...note, format: 'ops.retention-deletion/2' }],
    ['is of another set', { ...note, set: 'main/logical/app/20261120T020000Z-4fk2q9' }],
    ['names nothing', { ...note, objects: undefined }],
    ['names nonsense', { ...note, objects: [null, 7, 'x'] }],
    ['does not name all that is there', { ...note, objects: named.slice(0, 2) }],
    ['names an object as it was before', { ...note, objects: named.map((each) => ({ ...each, size: 4 })) }],
    [
      'names an object of another time',
      { ...note, objects: named.map((each) => ({ ...each, lastModified: '2026-11-21T02:09:00.000Z' })) },
    ],
    [
      'names keys of another folder',
      { ...note, objects: named.map((each) => ({ ...each, key: `x/${each.key}` })) },
    ],
  ])('is not told by a note that %s', (_, text) => {
    const item = judgeSet(set!, { note: typeof text === 'string' ? text : JSON.stringify(text) })
    expect(item.isHalfDeleted).toBeUndefined()
    expect(item.isUnpublished).toBe(true)
  })

  it('is a set like any other as long as its manifest is there', () => {
    const item = judgeSet(setsOf({ ...whole, [NOTE]: 99 })[0]!, {
      manifest: JSON.stringify({ objects }),
      note: JSON.stringify(note),
    })
    expect(item.isHalfDeleted).toBeUndefined()
    expect(item.problem).toBeUndefined()
  })
})

describe('sorting objects into sets', () => {
  it('knows folders by a backup id or by a manifest, and leaves everything else alone', () => {
    const keys = [
      'main/logical/app/20261121T020000Z-4fk2q9/dump/1.zst',
      'main/logical/app/20261121T020000Z-4fk2q9/manifest.json',
      'main/base/20261121T030000Z-4fk2q9/x',
      'exports/monday/a/b.csv',
      'exports/monday/manifest.json',
      'exports/tuesday/a.csv',
      'main/wal/1/000000010000000000000001',
      'main/logical/app/lease/00000007.json',
      '20261121T020000Z-4fk2q9',
      'manifest.json',
    ]
    const { sets, strays } = sortIntoSets(keys.map((key) => ({ key, size: 1, lastModified: STORED_AT })))
    expect(sets.map(({ folder, group, objects }) => [folder, group, objects.length])).toEqual([
      ['main/logical/app/20261121T020000Z-4fk2q9', 'main/logical/app', 2],
      ['main/base/20261121T030000Z-4fk2q9', 'main/base', 1],
      ['exports/monday', 'exports', 2],
    ])
    expect(strays.map(({ key }) => key)).toEqual(keys.slice(5))
  })

  it('dates a set without an id by its manifest, else by when it was stored', () => {
    const { sets } = sortIntoSets([{ key: 'exports/monday/manifest.json', size: 1, lastModified: STORED_AT }])
    const dated = judgeSet(sets[0]!, {
      manifest: JSON.stringify({ objects: [], startedAt: '2026-11-16T00:00:00Z' }),
    })
    expect([dated.time, dated.timeSource]).toEqual(['2026-11-16T00:00:00.000Z', 'manifest'])
    const undated = judgeSet(sets[0]!, { manifest: JSON.stringify({ objects: [], startedAt: 'Monday' }) })
    expect([undated.time, undated.timeSource]).toEqual([STORED_AT, 'lastModified'])
  })
})
