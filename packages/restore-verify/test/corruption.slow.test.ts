import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { createBackup, type Manifest, type ManifestObject } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  editArchive,
  editManifest,
  editStored,
  flip,
  offsetOf,
  removeStored,
  replace,
  type BackupFiles,
} from './damage.ts'
import { connectionTo, temporaryStore, type TemporaryStore } from './harness.ts'

/**
 * Ways to damage a backup set, and what the drill must say of each. The command line is run as a user
 * runs it, onto a server that has nothing to do with the source, so that what counts is the exit code
 * and the words.
 */
const CLI = join(import.meta.dirname, '../src/cli.ts')

let source: Postgres
let target: Postgres
let place: TemporaryStore
let backup: BackupFiles
let yesterday: BackupFiles
let other: BackupFiles
let encrypted: BackupFiles
let inFolders: BackupFiles
let otherInFolders: BackupFiles

async function take(database: string, options: object = {}): Promise<BackupFiles> {
  const { manifest, manifestKey } = await createBackup({
    store: place.store,
    connection: connectionTo(source, database),
    ...options,
  })
  return { folder: join(place.folder, dirname(manifestKey)), manifest }
}

beforeAll(async () => {
  ;[source, target, place] = await Promise.all([startPostgres(), startPostgres(), temporaryStore()])
  for (const database of ['shop', 'other']) {
    await source.createDatabase(database)
    await source.query(
      `CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
       INSERT INTO customers SELECT i, '${database} customer ' || i FROM generate_series(1, 300) i;
       CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, note text CHECK (note NOT LIKE 'forbidden%'));
       INSERT INTO orders SELECT i, 1 + i % 300, 'note ' || md5(i::text) FROM generate_series(1, 2000) i;
       CREATE INDEX orders_by_customer ON orders (customer);
       CREATE SEQUENCE tickets START 42; SELECT nextval('tickets');
       CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
       CREATE VIEW big AS SELECT * FROM orders WHERE id > 1000;
       COMMENT ON TABLE orders IS 'all of them';
       SELECT lo_from_bytea(4711, decode(repeat('ab', 5000), 'hex'))`,
      database,
    )
  }
  yesterday = await take('shop')
  await source.query(`INSERT INTO orders VALUES (2001, 1, 'the newest')`, 'shop')
  backup = await take('shop')
  other = await take('other')
  inFolders = await take('shop', { cluster: 'folders', jobs: 2 })
  otherInFolders = await take('other', { cluster: 'folders', jobs: 2 })
  encrypted = await take('shop', { cluster: 'sealed', encryption: { passphrase: 'right' } })
})

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop(), place?.[Symbol.asyncDispose]()])
})

interface Drilled {
  readonly code: number
  readonly stderr: string
}

function run(store: string, env: Record<string, string>, args: readonly string[]): Promise<Drilled> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [CLI, 'run', '--of', 'shop', '--target', 'server', '--skip', 'amcheck', '--no-record', ...args],
      { env: { PATH: process.env['PATH'], ...target.env('postgres'), OPS_STORE: store, ...env } },
      (error, _stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    )
  })
}

interface Damage {
  readonly of?: () => BackupFiles
  readonly cluster?: string
  readonly env?: Record<string, string>
  readonly make: (files: BackupFiles) => Promise<void>
  readonly code: 1 | 3
  readonly says: RegExp
}

/** Damages a copy of the set, and drills it. */
async function drillDamaged({
  of = () => backup,
  cluster = 'main',
  env = {},
  make,
}: Damage): Promise<Drilled> {
  await using copy = await temporaryStore()
  const files = of()
  const folder = files.folder.replace(place.folder, copy.folder)
  await mkdir(dirname(folder), { recursive: true })
  await cp(files.folder, folder, { recursive: true })
  await make({ ...files, folder })
  return await run(copy.store.url, env, ['--cluster', cluster, '--id', files.manifest.id])
}

const stored = (edit: (bytes: Buffer) => Buffer) => (files: BackupFiles) => editStored(files, edit)
const archive = (edit: (bytes: Buffer) => Buffer) => (files: BackupFiles) => editArchive(files, edit)
const manifest = (change: (manifest: Manifest) => object) => (files: BackupFiles) =>
  editManifest(files, { ...change(files.manifest) })

const tables = (edit: (table: Manifest['tables'][number]) => object) =>
  manifest(({ tables: all }) => ({
    tables: all.map((table) => (table.name === 'orders' ? { ...table, ...edit(table) } : table)),
  }))
const withoutFirst = (name: 'schemaObjects', type: string) =>
  manifest((all) => ({ [name]: all[name].filter((object) => object.type !== type) }))

const CHECKSUM = /checksums .*dump\.pgc\.zst: .*(SHA-256 is not the one|bytes instead of|is missing)/

const damages: Record<string, Damage> = {
  // What was stored is not what was uploaded.
  'a bit of the first byte': { make: stored((b) => flip(b, 0)), code: 3, says: CHECKSUM },
  'a bit of the zstd frame header': { make: stored((b) => flip(b, 5)), code: 3, says: CHECKSUM },
  'a bit in the first quarter': { make: stored((b) => flip(b, b.length >> 2)), code: 3, says: CHECKSUM },
  'a bit in the middle': { make: stored((b) => flip(b, b.length >> 1)), code: 3, says: CHECKSUM },
  'a bit of the last byte': { make: stored((b) => flip(b, b.length - 1)), code: 3, says: CHECKSUM },
  'a page of zeros': {
    make: stored((b) => Buffer.concat([b.subarray(0, 4096), Buffer.alloc(4096), b.subarray(8192)])),
    code: 3,
    says: CHECKSUM,
  },
  'no byte left': { make: stored(() => Buffer.alloc(0)), code: 3, says: CHECKSUM },
  'one byte left': { make: stored((b) => b.subarray(0, 1)), code: 3, says: CHECKSUM },
  'half of it': { make: stored((b) => b.subarray(0, b.length >> 1)), code: 3, says: CHECKSUM },
  'all but the last byte': { make: stored((b) => b.subarray(0, -1)), code: 3, says: CHECKSUM },
  'a byte too many': { make: stored((b) => Buffer.concat([b, Buffer.of(0)])), code: 3, says: CHECKSUM },
  'the dump is gone': { make: removeStored, code: 3, says: CHECKSUM },
  'the dump of another database': {
    make: async ({ folder, manifest: { objects } }) =>
      cp(join(other.folder, objects[0]!.name), join(folder, objects[0]!.name)),
    code: 3,
    says: CHECKSUM,
  },
  "yesterday's dump": {
    make: async ({ folder, manifest: { objects } }) =>
      cp(join(yesterday.folder, objects[0]!.name), join(folder, objects[0]!.name)),
    code: 3,
    says: CHECKSUM,
  },
  // The manifest is not the one that was published.
  'no manifest': {
    make: ({ folder }) => rm(join(folder, 'manifest.json')),
    code: 1,
    says: /BACKUP_NOT_FOUND/,
  },
  'a manifest that is cut off': {
    make: async ({ folder }) => {
      const path = join(folder, 'manifest.json')
      await writeFile(path, (await readFile(path)).subarray(0, 500))
    },
    code: 1,
    says: /it is not JSON.*BACKUP_MANIFEST_INVALID/,
  },
  'a manifest without objects': {
    make: manifest(() => ({ objects: [] })),
    code: 1,
    says: /objects.*BACKUP_MANIFEST_INVALID/,
  },
  "yesterday's manifest": {
    make: ({ folder }) => cp(join(yesterday.folder, 'manifest.json'), join(folder, 'manifest.json')),
    code: 1,
    says: /its id is .* belongs to another backup/,
  },
  "yesterday's manifest under today's id": {
    make: (files) => editManifest({ ...files, manifest: yesterday.manifest }, { id: files.manifest.id }),
    code: 3,
    says: CHECKSUM,
  },
  'the manifest of another database': {
    make: (files) => editManifest({ ...files, manifest: other.manifest }, { id: files.manifest.id }),
    code: 1,
    says: /its database is "other": it belongs to another backup/,
  },
  'a manifest of a later format': {
    make: manifest(() => ({ format: 'ops.backup/2' })),
    code: 1,
    says: /BACKUP_FORMAT_UNSUPPORTED/,
  },
  'a manifest that points outside its folder': {
    make: manifest(({ objects }) => ({ objects: [{ ...objects[0]!, name: '../../../../etc/passwd' }] })),
    code: 1,
    says: /BACKUP_MANIFEST_INVALID/,
  },
  'another size in the manifest': {
    make: manifest(({ objects }) => ({
      objects: [{ ...objects[0]!, storedBytes: objects[0]!.storedBytes + 1 }],
    })),
    code: 3,
    says: CHECKSUM,
  },
  'another checksum in the manifest': {
    make: manifest(({ objects }) => ({ objects: [{ ...objects[0]!, sha256: '0'.repeat(64) }] })),
    code: 3,
    says: CHECKSUM,
  },
  'another length of the archive in the manifest': {
    make: manifest(({ objects }) => ({ objects: [{ ...objects[0]!, rawBytes: objects[0]!.rawBytes + 1 }] })),
    code: 3,
    says: /restore .*does not decompress to the .* bytes/,
  },
  // The archive itself, with a manifest whose checksums match.
  "the archive's magic": {
    make: archive((b) => flip(b, 0)),
    code: 3,
    says: /restore .*did not find magic string/,
  },
  "the archive's version": { make: archive((b) => flip(b, 6)), code: 3, says: /restore .*pg_restore/ },
  "the archive's format": { make: archive((b) => flip(b, 10)), code: 3, says: /restore .*pg_restore/ },
  'the length of a text in the table of contents': {
    make: archive((b) => flip(b, offsetOf(b, 'CREATE TABLE public.orders') - 2)),
    code: 3,
    says: /restore .*pg_restore/,
  },
  'the table of contents is cut off': {
    make: archive((b) => b.subarray(0, offsetOf(b, 'CREATE TABLE public.orders'))),
    code: 3,
    says: /restore .*(end of file|pg_restore)/,
  },
  'the archive ends in a data block': {
    make: archive((b) => b.subarray(0, offsetOf(b, 'shop customer 150'))),
    code: 3,
    says: /restore .*(end of file|pg_restore)/,
  },
  'the archive lacks its last byte': {
    make: archive((b) => b.subarray(0, -1)),
    code: 3,
    says: /restore .*(end of file|pg_restore)/,
  },
  'the length of a data block': {
    make: archive((b) => flip(b, offsetOf(b, '1\tshop customer 1\n') - 1)),
    code: 3,
    says: /(restore|rows) /,
  },
  'a letter of a row': {
    make: archive((b) => replace(b, 'shop customer 150\n', 'shop customer 15O\n')),
    code: 3,
    says: /rows public\.customers: .*right number of rows \(300\), and their content differs/,
  },
  'two values swapped between rows': {
    make: archive((b) => {
      const withoutSeven = replace(b, '\tshop customer 7\n', '\tshop customer ?\n')
      const swapped = replace(withoutSeven, '\tshop customer 8\n', '\tshop customer 7\n')
      return replace(swapped, '\tshop customer ?\n', '\tshop customer 8\n')
    }),
    code: 3,
    says: /rows public\.customers: .*content differs/,
  },
  'a row that breaks a CHECK': {
    make: archive((b) => replace(b, /\tnote [0-9a-f]{4}/.exec(b.toString('latin1'))![0], '\tforbidden')),
    code: 3,
    says: /restore .*violates check constraint/,
  },
  'a row whose key is another one’s': {
    make: archive((b) => replace(b, '8\tshop customer 8\n', '7\tshop customer 8\n')),
    code: 3,
    says: /restore .*duplicate key|could not create unique index/,
  },
  'a byte that is no UTF-8': {
    make: archive((b) => replace(b, 'shop customer 150\n', Buffer.from('shop customer 15\xff\n', 'latin1'))),
    code: 3,
    says: /restore .*invalid byte sequence/,
  },
  'a byte of a large object': {
    make: archive((b) => flip(b, b.lastIndexOf(Buffer.alloc(64, 0xab)))),
    code: 3,
    says: /large-objects .*content differs/,
  },
  'a sequence that goes back': {
    make: archive((b) => replace(b, `'public.tickets', 42, true`, `'public.tickets', 41, true`)),
    code: 3,
    says: /sequences public\.tickets: it differs/,
  },
  "a function's body": {
    make: archive((b) => replace(b, 'SELECT $1 * 2', 'SELECT $1 * 3')),
    code: 3,
    says: /schema FUNCTION public\.twice\(integer\): it differs/,
  },
  "a view's condition": {
    make: archive((b) => replace(b, 'id > 1000', 'id > 1001')),
    code: 3,
    says: /schema VIEW public\.big: it differs/,
  },
  'a comment': {
    make: archive((b) => replace(b, "'all of them'", "'all 0f them'")),
    code: 3,
    says: /schema COMMENT public\.TABLE orders: it differs/,
  },
  'SQL that fails': {
    make: archive((b) => replace(b, 'CREATE VIEW public.big', 'CREATE VIEW pub1ic.big')),
    code: 3,
    says: /restore .*schema "pub1ic" does not exist/,
  },
  'the archive of another database, with its checksums': {
    make: async (files) => {
      await cp(
        join(other.folder, other.manifest.objects[0]!.name),
        join(files.folder, files.manifest.objects[0]!.name),
      )
      await editManifest(files, { objects: other.manifest.objects })
    },
    code: 3,
    says: /rows public\.customers: .*content differs/,
  },
  "yesterday's archive, with its checksums": {
    make: async (files) => {
      await cp(
        join(yesterday.folder, yesterday.manifest.objects[0]!.name),
        join(files.folder, files.manifest.objects[0]!.name),
      )
      await editManifest(files, { objects: yesterday.manifest.objects })
    },
    code: 3,
    says: /rows public\.orders: 1 of 2,001 rows is missing/,
  },
  // zstd
  'something that is not zstd': {
    make: async (files) => rawStored(files, Buffer.from('this is not zstd at all')),
    code: 3,
    says: /restore .*compressed data are not whole/,
  },
  'a zstd frame that ends too soon': {
    make: async (files) => rawStored(files, zstdCompressSync(Buffer.alloc(100_000, 1)).subarray(0, -3)),
    code: 3,
    says: /restore /,
  },
  'another archive in front': {
    make: archive((b) => Buffer.concat([b.subarray(0, 100), b])),
    code: 3,
    says: /restore .*pg_restore/,
  },
  // What the manifest claims was not dumped: a source that lost something between dump and manifest.
  'a row more in the manifest': {
    make: tables(({ rows }) => ({ rows: rows + 1 })),
    code: 3,
    says: /rows public\.orders: 1 of 2,002 rows is missing/,
  },
  'a row less in the manifest': {
    make: tables(({ rows }) => ({ rows: rows - 1 })),
    code: 3,
    says: /rows public\.orders: it has 1 row more/,
  },
  'another digest in the manifest': {
    make: tables(() => ({ digest: `ops1:${'0'.repeat(32)}` })),
    code: 3,
    says: /rows public\.orders: .*content differs/,
  },
  'other columns in the manifest': {
    make: tables(() => ({ columns: '(id, note, customer)' })),
    code: 3,
    says: /rows public\.orders: .*content differs/,
  },
  'a table that was never dumped': {
    make: manifest(({ tables: all }) => ({ tables: [...all, { ...all[0]!, name: 'invoices' }] })),
    code: 3,
    says: /rows public\.invoices: it did not come back/,
  },
  'a table that the manifest lacks': {
    make: manifest(({ tables: all }) => ({ tables: all.filter((table) => table.name !== 'orders') })),
    code: 3,
    says: /rows public\.orders: it is in the restored database and not in the manifest/,
  },
  'an index that the manifest lacks': {
    make: withoutFirst('schemaObjects', 'INDEX'),
    code: 3,
    says: /schema INDEX public\.orders_by_customer: it is in the restored database and not in the manifest/,
  },
  'another owner in the manifest': {
    make: manifest(({ schemaObjects }) => ({
      schemaObjects: schemaObjects.map((each) =>
        each.type === 'VIEW' ? { ...each, owner: 'pg_monitor' } : each,
      ),
    })),
    code: 3,
    says: /schema VIEW public\.big: it differs.*it is the manifest that says otherwise/,
  },
  // A backup in many files
  'a bit of one file of many': {
    of: () => inFolders,
    cluster: 'folders',
    make: async (files) => {
      const path = join(files.folder, members(files).orders.name)
      const bytes = await readFile(path)
      await writeFile(path, flip(bytes, bytes.length >> 1))
    },
    code: 3,
    says: /checksums .*\.dat\.zst: .*SHA-256/,
  },
  'one file of many is gone': {
    of: () => inFolders,
    cluster: 'folders',
    make: (files) => rm(join(files.folder, members(files).customers.name)),
    code: 3,
    says: /checksums .*\.dat\.zst: .*is missing/,
  },
  'two files swapped': {
    of: () => inFolders,
    cluster: 'folders',
    make: swapMembers,
    code: 3,
    says: /checksums .*\.dat\.zst: .*(SHA-256|bytes instead of)/,
  },
  'two files swapped, with their checksums': {
    of: () => inFolders,
    cluster: 'folders',
    make: async (files) => {
      await swapMembers(files)
      const { orders, customers } = members(files)
      await editManifest(
        files,
        withContentOf(
          files,
          new Map([
            [orders.name, customers],
            [customers.name, orders],
          ]),
        ),
      )
    },
    code: 3,
    says: /restore .*(missing data for column|extra data after)/,
  },
  'one file from another backup, with its checksums': {
    of: () => inFolders,
    cluster: 'folders',
    make: async (files) => {
      const [mine, theirs] = [members(files).customers, members(otherInFolders).customers]
      await cp(join(otherInFolders.folder, theirs.name), join(files.folder, mine.name))
      await editManifest(files, withContentOf(files, new Map([[mine.name, theirs]])))
    },
    code: 3,
    says: /rows public\.customers: .*content differs/,
  },
  // Encryption
  'no key': {
    of: () => encrypted,
    cluster: 'sealed',
    make: async () => {},
    code: 1,
    says: /BACKUP_KEY_MISSING/,
  },
  'a wrong passphrase': {
    of: () => encrypted,
    cluster: 'sealed',
    env: { OPS_BACKUP_PASSPHRASE: 'wrong' },
    make: async () => {},
    code: 1,
    says: /BACKUP_KEY_WRONG/,
  },
  'a bit of an encrypted dump': {
    of: () => encrypted,
    cluster: 'sealed',
    env: { OPS_BACKUP_PASSPHRASE: 'right' },
    make: stored((b) => flip(b, b.length - 10)),
    code: 3,
    says: /checksums .*SHA-256/,
  },
}

/** The file of a directory backup that has the rows of `orders` (the most), and the one of `customers`. */
function members({ manifest: { objects } }: BackupFiles): {
  orders: ManifestObject
  customers: ManifestObject
} {
  const [orders, customers] = objects
    .filter(({ name }) => /^dump\/\d+\.dat/.test(name))
    .toSorted((a, b) => b.rawBytes - a.rawBytes)
  return { orders: orders!, customers: customers! }
}

async function swapMembers(files: BackupFiles): Promise<void> {
  const { orders, customers } = members(files)
  const [first, second] = [join(files.folder, orders.name), join(files.folder, customers.name)]
  const bytes = await readFile(first)
  await cp(second, first)
  await writeFile(second, bytes)
}

/** Gives the objects of a manifest the sizes and checksums of others. */
function withContentOf(
  { manifest: { objects } }: BackupFiles,
  others: ReadonlyMap<string, ManifestObject>,
): { objects: ManifestObject[] } {
  return {
    objects: objects.map((object) => {
      const other = others.get(object.name)
      return other === undefined ? object : { ...other, name: object.name }
    }),
  }
}

/** Stores something else as the dump, and makes the checksums match. */
async function rawStored(files: BackupFiles, bytes: Buffer): Promise<void> {
  const [object] = files.manifest.objects
  await writeFile(join(files.folder, object!.name), bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  await editManifest(files, { objects: [{ ...object, storedBytes: bytes.length, sha256 }] })
}

describe('a damaged backup', () => {
  it('is none of these, so far', async () => {
    for (const { cluster, env } of [
      { cluster: 'main', env: {} },
      { cluster: 'folders', env: {} },
      { cluster: 'sealed', env: { OPS_BACKUP_PASSPHRASE: 'right' } },
    ]) {
      const drilled = await run(place.store.url, env, ['--cluster', cluster])
      expect(drilled).toMatchObject({ code: 0, stderr: expect.stringMatching(/^proven: /m) as string })
    }
  })

  it('can be damaged in more than 40 ways', () => {
    expect(Object.keys(damages).length).toBeGreaterThan(40)
  })

  it.each(Object.entries(damages))('is caught: %s', async (_name, damage) => {
    const { code, stderr } = await drillDamaged(damage)
    expect(stderr).toMatch(damage.says)
    expect(code).toBe(damage.code)
    const left = await target.query(`SELECT datname FROM pg_database WHERE datname LIKE 'ops%'`)
    expect(left).toEqual([])
  })
})
