import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MissingServerError, needs, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isArchiveError, readArchive, type ArchiveContents } from '../src/archive/index.ts'
import { SHOP } from './archive-shop.ts'
import { content, copyDatabase, CUSTOM_FORMAT, dumpArchive } from './dump-archive.ts'

let server: Postgres | undefined
let reason = ''
let shop: ArchiveContents

beforeAll(async () => {
  try {
    server = await startPostgres()
  } catch (error) {
    if (!(error instanceof MissingServerError)) throw error
    reason = error.message
    return
  }
  await server.createDatabase('shop')
  await server.query(SHOP, 'shop')
  shop = await dumpArchive(server, 'shop')
})
afterAll(async () => {
  await server?.stop()
})
beforeEach((context) => needs(context, server !== undefined, reason))

describe('the archive of a real database', () => {
  it('is read to its tables, large objects, sequences and objects', () => {
    expect(shop.header).toMatchObject({ database: 'shop', offsetBytes: 8 })
    expect(shop.tables.map(({ schema, name, columns, rows }) => [schema, name, columns, rows])).toEqual([
      ['Läden', 'Order "x" (y)', '("Nr.", "a, b", "FROM stdin")', 3],
      ['public', 'customer', '(id, name, city, note)', 5000],
      ['public', 'without_columns', '()', 2],
      ['public', 'without_rows', '(x)', 0],
    ])
    expect(shop.largeObjects).toMatchObject({ count: 2, bytes: 100_005 })
    expect(shop.sequences).toEqual([{ schema: 'public', name: 'counter', value: '41,t' }])
    expect(shop.objects.map(({ type, name }) => `${type} ${name}`)).toEqual(
      expect.arrayContaining([
        'SCHEMA Läden',
        'TABLE customer',
        'INDEX customer_city',
        'CONSTRAINT customer customer_pkey',
        'FUNCTION double(integer)',
        'VIEW cities',
        'COMMENT TABLE customer',
        'ACL TABLE customer',
      ]),
    )
  })

  it('is equal for a restored copy in a database of another name', async () => {
    await server!.createDatabase('other')
    await server!.query(
      `COMMENT ON DATABASE shop IS 'the source'; GRANT CONNECT ON DATABASE shop TO pg_monitor`,
    )
    await copyDatabase(server!, 'shop', 'other')
    const [before, after] = [await dumpArchive(server!, 'shop'), await dumpArchive(server!, 'other')]
    expect(content(after)).toEqual(content(before))
    expect(before.objects.some(({ name }) => name === 'DATABASE shop')).toBe(true)
  })

  it('is equal when it was written to a file, where pg_dump knows the offsets', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'archive-'))
    try {
      const file = join(folder, 'shop.pgc')
      await pgDump([...CUSTOM_FORMAT, `--file=${file}`])
      const bytes = await readFile(file)
      const contents = await readArchive([bytes])
      expect(content(contents)).toEqual(content(shop))
      expect(
        contents.entries.filter(({ hasData }) => hasData).every(({ dataOffset }) => dataOffset! > 0),
      ).toBe(true)

      for (let length = 0; length < bytes.length; length += 997) {
        await expect(readArchive([bytes.subarray(0, length)])).rejects.toMatchObject({
          code: 'ARCHIVE_TRUNCATED',
        })
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is read without data', async () => {
    const contents = await dumpArchive(server!, 'shop', [...CUSTOM_FORMAT, '--schema-only'])
    expect(contents.tables).toEqual([])
    expect(contents.objects.length).toBeGreaterThan(8)
  })

  it.each([
    ['compressed', ['--format=custom'], 'ARCHIVE_COMPRESSED'],
    ['as tar', ['--format=tar'], 'ARCHIVE_NOT_A_DUMP'],
    ['as a script', ['--format=plain'], 'ARCHIVE_NOT_A_DUMP'],
    ['as INSERT statements', ['--format=custom', '--compress=0', '--inserts'], 'ARCHIVE_UNSUPPORTED_FORMAT'],
  ])('is refused when it is %s', async (_, args, code) => {
    const error: unknown = await dumpArchive(server!, 'shop', args).catch((error: unknown) => error)
    expect(isArchiveError(error) && error.code).toBe(code)
  })

  it('has rows of any size', async () => {
    await server!.createDatabase('wide')
    // Without defaults: pg_dump takes most of a minute over 1,600 of them.
    const numbers = Array.from({ length: 1600 }, (_, index) => index)
    await server!.query(
      `CREATE TABLE columns (${numbers.map((number) => `c${number} int`).join()});
       INSERT INTO columns VALUES (${numbers.join()});
       CREATE TABLE long (x text); INSERT INTO long SELECT repeat('0123456789', 5000000); INSERT INTO long VALUES ('')`,
      'wide',
    )
    const { tables } = await dumpArchive(server!, 'wide')
    expect(tables.map(({ name, rows, bytes }) => [name, rows, bytes])).toEqual([
      ['columns', 1, 10 + 2 * 90 + 3 * 900 + 4 * 600 + 1600],
      ['long', 2, 50_000_002],
    ])
  })

  it('keeps names of another encoding apart', async () => {
    await server!.query(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
    await server!.query(`CREATE TABLE "é" (x int); CREATE TABLE "è" (x int)`, 'latin')
    const { tables } = await dumpArchive(server!, 'latin')
    expect(tables.map(({ name }) => name).toSorted()).toEqual(['\\xE8', '\\xE9'])
  })
})

describe('what a digest notices in a real database', () => {
  it.each([
    ['a lost row', 'DELETE FROM customer WHERE id = 7', 'tables'],
    ['a row that came twice', 'INSERT INTO "Läden"."Order ""x"" (y)" SELECT 1, \'\\.\', \'x\'', 'tables'],
    ['a changed byte', "UPDATE customer SET name = 'name 17' WHERE name = 'name 16'", 'tables'],
    [
      'two values swapped between rows',
      "UPDATE customer SET name = CASE id WHEN 1 THEN 'name 2' ELSE 'name 1' END WHERE id IN (1, 2)",
      'tables',
    ],
    ['two columns swapped', 'UPDATE customer SET name = city, city = name', 'tables'],
    ['two columns renamed into each other', renamed('customer', 'name', 'city'), 'tables'],
    ['a NULL that became an empty string', "UPDATE customer SET note = '' WHERE id = 3", 'tables'],
    [
      'a lost row without columns',
      'DELETE FROM without_columns WHERE ctid = (SELECT min(ctid) FROM without_columns)',
      'tables',
    ],
    ['a table whose rows are all gone', 'TRUNCATE customer', 'tables'],
    ['a missing large object', 'SELECT lo_unlink(16400)', 'largeObjects'],
    ['a changed byte in a large object', "SELECT lo_put(3000000000, 99999, '\\x01')", 'largeObjects'],
    ['a sequence off by one', "SELECT setval('counter', 42)", 'sequences'],
    ['a sequence that was not called', "SELECT setval('counter', 41, false)", 'sequences'],
    ['a dropped index', 'DROP INDEX customer_city', 'objects'],
    ['a dropped constraint', 'ALTER TABLE customer DROP CONSTRAINT customer_pkey', 'objects'],
    ['a changed default', "ALTER TABLE customer ALTER city SET DEFAULT 'Basel'", 'objects'],
    [
      'a changed function body',
      "CREATE OR REPLACE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT 3 * $1'",
      'objects',
    ],
    [
      'a changed view',
      'CREATE OR REPLACE VIEW cities AS SELECT city, count(*) FROM customer WHERE id > 1 GROUP BY city',
      'objects',
    ],
    ['a lost comment', 'COMMENT ON TABLE customer IS NULL', 'objects'],
    ['a lost grant', 'REVOKE SELECT ON customer FROM public', 'objects'],
  ] as const)('%s', async (_, change, part) => {
    const changed = content(await changedShop(change))
    expect(changed[part]).not.toEqual(content(shop)[part])
  })

  it('but not another physical order of the rows', async () => {
    const changed = await changedShop(`
      CREATE TEMP TABLE kept AS SELECT * FROM customer;
      TRUNCATE customer;
      INSERT INTO customer SELECT * FROM kept ORDER BY id DESC`)
    expect(content(changed)).toEqual(content(shop))
  })
})

let copies = 0

/** The shop after a change, in a database of its own. */
async function changedShop(change: string): Promise<ArchiveContents> {
  const name = `shop_${++copies}`
  await server!.query(`CREATE DATABASE ${name} TEMPLATE shop`)
  await server!.query(change, name)
  return await dumpArchive(server!, name)
}

function renamed(table: string, one: string, other: string): string {
  return `ALTER TABLE ${table} RENAME ${one} TO x; ALTER TABLE ${table} RENAME ${other} TO ${one}; ALTER TABLE ${table} RENAME x TO ${other}`
}

async function pgDump(args: readonly string[]): Promise<void> {
  await promisify(execFile)(`${server!.binFolder}/pg_dump`, args, {
    env: { ...process.env, ...server!.env('shop') },
  })
}
