import type { Manifest } from '@ops/pg-backup'
import type { TocEntry } from '@ops/pg-backup/archive'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkExtensions } from './extensions.ts'
import { checkLargeObjects } from './large-objects.ts'
import { compareTables, tableDifferences } from './rows.ts'
import { compareSchema, withDefinitions, type SchemaOptions } from './schema.ts'
import { checkSequences } from './sequences.ts'

const table = (name: string, change: object = {}) => ({
  schema: 'public',
  name,
  columns: '(id)',
  rows: 10,
  bytes: 100,
  digest: `ops1:${name}`,
  ...change,
})
const object = (type: string, name: string, change: object = {}) => ({
  type,
  schema: 'public',
  name,
  owner: 'app',
  digest: `${type} ${name}`,
  ...change,
})

const content = {
  tables: [table('a'), table('b')],
  sequences: [{ schema: 'public', name: 's', value: '41,t' }],
  largeObjects: { count: 1, bytes: 2, digest: 'ops1:lo' },
  schemaObjects: [object('TABLE', 'a'), object('INDEX', 'i'), object('ACL', 'TABLE a')],
  extensions: [{ name: 'plpgsql', version: '1.0', schema: 'pg_catalog' }],
}
type Content = typeof content

function compare(change: Partial<Content> = {}, options: Partial<SchemaOptions> = {}) {
  const expected = content as unknown as Manifest
  const actual = { ...content, ...change } as unknown as Manifest
  return [
    ...tableDifferences(compareTables(expected.tables, actual.tables)),
    ...compareSchema(expected.schemaObjects, actual.schemaObjects, {
      compareOwners: true,
      comparePrivileges: true,
      ...options,
    }),
    ...(checkSequences(expected.sequences, actual.sequences).differences ?? []),
    ...(checkLargeObjects(expected.largeObjects, actual.largeObjects).differences ?? []),
    ...(checkExtensions(expected.extensions, actual.extensions).differences ?? []),
  ]
}

describe('two contents', () => {
  it('are equal when everything is, in whatever order', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(content.tables, { minLength: 2 }),
        fc.shuffledSubarray(content.schemaObjects, { minLength: 3 }),
        (tables, schemaObjects) => {
          expect(compare({ tables, schemaObjects })).toEqual([])
        },
      ),
    )
  })

  const cases: [what: string, change: Partial<Content>, problem: string][] = [
    ['a row is lost', { tables: [table('a', { rows: 9 }), table('b')] }, '1 of 10 rows is missing'],
    [
      'a row came twice',
      { tables: [table('a', { rows: 11 }), table('b')] },
      'it has 1 row more than the 10 that were dumped',
    ],
    [
      'a byte changed',
      { tables: [table('a', { digest: 'ops1:x' }), table('b')] },
      'the right number of rows (10), and their content differs',
    ],
    [
      'columns changed places',
      { tables: [table('a', { columns: '(x)' }), table('b')] },
      'and their content differs',
    ],
    ['a table is missing', { tables: [table('a')] }, 'it did not come back: its 10 rows are lost'],
    ['a table is too many', { tables: [...content.tables, table('c')] }, 'not in the manifest'],
    [
      'a sequence is off by one',
      { sequences: [{ schema: 'public', name: 's', value: '42,t' }] },
      'it differs',
    ],
    [
      'a large object is missing',
      { largeObjects: { count: 0, bytes: 0, digest: 'ops1:0' } },
      'there are 0 instead of 1',
    ],
    [
      'a large object changed',
      { largeObjects: { count: 1, bytes: 2, digest: 'ops1:x' } },
      'their content differs',
    ],
    [
      'an index is missing',
      { schemaObjects: [content.schemaObjects[0]!, content.schemaObjects[2]!] },
      'it did not come back',
    ],
    [
      'a definition changed',
      { schemaObjects: [object('TABLE', 'a', { digest: 'x' }), ...content.schemaObjects.slice(1)] },
      'it differs',
    ],
    [
      'an owner changed',
      { schemaObjects: [object('TABLE', 'a', { owner: 'other' }), ...content.schemaObjects.slice(1)] },
      'it differs',
    ],
    [
      'one of two namesakes is missing',
      { schemaObjects: content.schemaObjects.slice(0, 2) },
      'it did not come back',
    ],
    [
      'an extension is in another schema',
      { extensions: [{ name: 'plpgsql', version: '1.0', schema: 'public' }] },
      'it differs',
    ],
  ]
  it.each(cases)('differ when %s', (_what, change, problem) => {
    const differences = compare(change)
    expect(differences).toHaveLength(1)
    expect(differences[0]!.problem).toContain(problem)
  })

  it('may have other versions of extensions, which no dump holds: they are named', () => {
    const found = checkExtensions(content.extensions, [
      { name: 'plpgsql', version: '1.1', schema: 'pg_catalog' },
    ])
    expect(found.differences).toEqual([])
    expect(found.note).toContain('plpgsql 1.1 instead of 1.0')
  })

  it('are not compared in what the restore left out', () => {
    const restored = content.schemaObjects.slice(0, 2).map((each) => ({ ...each, owner: 'postgres' }))
    expect(compare({ schemaObjects: restored }, { compareOwners: false, comparePrivileges: false })).toEqual(
      [],
    )
  })

  it('may differ in what belongs to the database itself, which has another name here', () => {
    const schemaObjects = [...content.schemaObjects, object('DATABASE', 'scratch', { schema: '' })]
    expect(compare({ schemaObjects })).toEqual([])
  })
})

describe('an object that differs by its digest', () => {
  const name = 'POLICY public.orders mine'
  const policy = (roles: string, rest = 'USING ((id > 0));'): string =>
    `CREATE POLICY mine ON public.orders AS RESTRICTIVE FOR SELECT TO ${roles} ${rest}`
  const before = policy('"a, b", plain')
  /** In the table of contents. */
  const entry = (digest: string, owner: string, accessMethod = '') =>
    ({
      type: 'POLICY',
      schema: 'public',
      name: 'orders mine',
      owner,
      accessMethod,
      definitionDigest: digest,
    }) as TocEntry
  const judge = (
    dumped: string,
    after: string,
    { owner = 'app', archive = entry('sha256:a', 'app'), accessMethod = '' } = {},
  ) => {
    const difference = {
      check: 'schema' as const,
      object: name,
      problem: 'it differs',
      expected: 'sha256:a, owner app',
      actual: `sha256:b, owner ${owner}`,
    }
    const found = (text: string) => () => Promise.resolve(new Map([[name, text]]))
    return withDefinitions(
      [difference],
      { compareOwners: true, comparePrivileges: true },
      {
        archive: found(dumped),
        restored: found(after),
        archiveEntries: () => Promise.resolve([archive]),
        restoredEntries: [entry('sha256:b', owner, accessMethod)],
      },
    )
  }
  const check = (list: string): string => policy('plain', `USING (((kind)::text = ANY (${list})));`)
  const [whole, each] = [
    check(`(ARRAY['a'::character varying, 'b'::character varying])::text[]`),
    check(`ARRAY[('a'::character varying)::text, ('b'::character varying)::text]`),
  ]

  it('is the same when a policy has its roles in another order', async () => {
    expect(await judge(before, policy('plain, "a, b"'))).toEqual([])
  })

  it('is the same when PostgreSQL words it otherwise once it has read it', async () => {
    expect(await judge(whole, each)).toEqual([])
  })

  it.each([
    ['roles', before, policy('plain, "a, c"')],
    ['number of roles', before, policy('plain')],
    ['condition', before, policy('plain, "a, b"', 'USING ((id > 1));')],
    ['values', whole, each.replace(`'b'`, `'c'`)],
    ['number of values', whole, each.replace(`, ('b'::character varying)::text`, '')],
  ])('is another one when its %s differs', async (_what, dumped, after) => {
    expect(await judge(dumped, after)).toMatchObject([{ expected: dumped, actual: after }])
  })

  it('is another one when its owner differs', async () => {
    expect(await judge(before, policy('plain, "a, b"'), { owner: 'somebody' })).toHaveLength(1)
    expect(await judge(whole, each, { owner: 'somebody' })).toHaveLength(1)
  })

  it('is another one when its access method differs', async () => {
    expect(await judge(whole, each, { accessMethod: 'columnar' })).toHaveLength(1)
  })

  it('is another one when the archive does not hold what the manifest says', async () => {
    expect(await judge(whole, each, { archive: entry('sha256:c', 'app') })).toHaveLength(1)
    expect(await judge(whole, each, { archive: entry('sha256:a', 'somebody') })).toHaveLength(1)
  })
})
