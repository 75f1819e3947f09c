import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBackup } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CheckName } from '../src/report.ts'
import { verifyRestore } from '../src/verify-restore.ts'
import { connectionTo, databases, temporaryStore, type TemporaryStore } from './harness.ts'

/**
 * What no file and no manifest shows, because it goes wrong in the restored database: the backup is
 * sound, and the scratch database is damaged when it has been restored, before it is looked at.
 */
let source: Postgres
let target: Postgres
let place: TemporaryStore

beforeAll(async () => {
  ;[source, target, place] = await Promise.all([
    startPostgres(),
    startPostgres({ settings: { allow_in_place_tablespaces: 'on' } }),
    temporaryStore(),
  ])
  await target.query(`CREATE TABLESPACE elsewhere LOCATION ''`)
  await source.createDatabase('shop')
  await source.query(
    `CREATE TABLE customers (id int PRIMARY KEY);
     INSERT INTO customers SELECT generate_series(1, 300);
     CREATE TABLE orders (id int PRIMARY KEY, customer int, note text NOT NULL);
     INSERT INTO orders SELECT i, 1 + i % 300, 'note ' || i FROM generate_series(1, 2000) i;
     CREATE INDEX orders_by_customer ON orders (customer);
     -- PostgreSQL words these otherwise once it has read what pg_dump wrote of them.
     ALTER TABLE customers ADD kind varchar(10) CHECK (kind IN ('shop', 'person'));
     CREATE INDEX shops ON customers (id) WHERE kind NOT IN ('person', 'nobody');
     CREATE VIEW known_kinds AS SELECT id FROM customers WHERE kind IN ('shop', 'person');
     ALTER TABLE orders ADD CONSTRAINT known FOREIGN KEY (customer) REFERENCES customers;
     ALTER TABLE orders ADD CONSTRAINT old_rule CHECK (note <> 'note 7') NOT VALID;
     CREATE COLLATION german (provider = icu, locale = 'de-DE');
     CREATE FUNCTION compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE
       AS $$ SELECT btint4cmp($1, $2) * CASE coalesce(current_setting('ops.direction', true), '') WHEN 'down' THEN -1 ELSE 1 END $$;
     CREATE OPERATOR CLASS either_way FOR TYPE int USING btree AS
       OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(int, int);
     CREATE INDEX orders_either_way ON orders (id either_way)`,
    'shop',
  )
  await createBackup({ store: place.store, connection: connectionTo(source, 'shop') })
})

afterAll(() => Promise.all([source?.stop(), target?.stop(), place?.[Symbol.asyncDispose]()]))

/** Runs SQL in the scratch database while the drill stands still, and returns what it prints. */
function inScratch(script: string): string {
  const psql = (database: string, input: string): string =>
    execFileSync(
      join(target.binFolder!, 'psql'),
      ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'],
      {
        env: { ...process.env, ...target.env(database) },
        input,
        encoding: 'utf8',
      },
    ).trim()
  return psql(
    psql('postgres', String.raw`SELECT datname FROM pg_database WHERE datname LIKE 'ops\_verify\_%'`),
    script,
  )
}

async function drillDamaged(damage: () => void) {
  let isDamaged = false
  const report = await verifyRestore({
    store: place.store,
    database: 'shop',
    target: { kind: 'server', connection: connectionTo(target, 'postgres') },
    record: false,
    onProgress: ({ phase }) => {
      if (phase !== 'digest' || isDamaged) return
      isDamaged = true
      damage()
    },
  })
  return {
    report,
    failed: report.checks.filter((each) => each.result === 'fail').map((each) => each.check),
    says: report.differences.map(({ check, object, problem }) => `${check} ${object}: ${problem}`),
  }
}

const PAGE_BYTES = 8192
const PAGE_HEADER_BYTES = 24
const LINE_POINTER_BYTES = 4

/**
 * Swaps two entries of an index's first leaf, on disk. A change of tablespace copies the file past
 * the server's buffers, so that it reads the page from there again.
 */
function swapIndexEntries(index: string): void {
  const [folder, file] = inScratch(
    `ALTER INDEX ${index} SET TABLESPACE elsewhere;
     ALTER INDEX ${index} SET TABLESPACE pg_default;
     CHECKPOINT;
     SELECT current_setting('data_directory'), pg_relation_filepath('${index}');`,
  ).split('|')
  const path = join(folder!, file!)
  const bytes = readFileSync(path)
  const pointer = (number: number): Buffer => {
    const at = PAGE_BYTES + PAGE_HEADER_BYTES + number * LINE_POINTER_BYTES
    return bytes.subarray(at, at + LINE_POINTER_BYTES)
  }
  const tenth = Buffer.from(pointer(10))
  pointer(10).set(pointer(20))
  pointer(20).set(tenth)
  writeFileSync(path, bytes)
}

interface Damage {
  readonly make: () => void
  readonly failed: readonly CheckName[]
  readonly says: RegExp
}

const damages: Record<string, Damage> = {
  'an index that is not valid': {
    make: () =>
      inScratch(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_by_customer'::regclass`),
    // pg_dump leaves such an index out, so it does not come back either.
    failed: ['schema', 'validity'],
    says: /^validity INDEX orders_by_customer: it is not valid: queries do not use it$/,
  },
  'a constraint that nobody validated': {
    make: () => inScratch(`UPDATE pg_constraint SET convalidated = false WHERE conname = 'known'`),
    failed: ['schema', 'validity'],
    says: /^validity CONSTRAINT known on orders: it is not validated: rows may break it$/,
  },
  'a condition with another value': {
    make: () =>
      inScratch(
        `ALTER TABLE customers DROP CONSTRAINT customers_kind_check;
         ALTER TABLE customers ADD CHECK (kind IN ('shop', 'people'))`,
      ),
    failed: ['schema'],
    says: /^schema TABLE public\.customers: it differs$/,
  },
  'a collation of another version': {
    make: () => inScratch(`UPDATE pg_collation SET collversion = '1.2.3' WHERE collname = 'german'`),
    failed: ['collations'],
    says: /^collations COLLATION german: its version is not the one of the operating system/,
  },
  'a database whose own collation is of another version': {
    make: () =>
      inScratch(`UPDATE pg_database SET datcollversion = '1.2.3' WHERE datname = current_database()`),
    failed: ['collations'],
    says: /^collations the database's default collation: its version is not the one/,
  },
  'an index that its operators no longer agree with': {
    make: () =>
      inScratch(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ops.direction = %L', current_database(), 'down'); END $$`,
      ),
    failed: ['amcheck'],
    says: /^amcheck btree index ".*\.public\.orders_either_way".*: ERROR: +item order invariant violated/,
  },
  'two entries of an index swapped on disk': {
    make: () => swapIndexEntries('orders_by_customer'),
    failed: ['amcheck'],
    says: /^amcheck btree index ".*\.public\.orders_by_customer".*: ERROR: +item order invariant violated/,
  },
  'rows older than their table allows': {
    make: () =>
      inScratch(
        `UPDATE pg_class SET relfrozenxid = pg_current_xact_id()::xid WHERE oid = 'orders'::regclass`,
      ),
    failed: ['amcheck'],
    says: /^amcheck heap table ".*\.public\.orders".*: xmin \d+ precedes relation freeze threshold/,
  },
}

describe('a restored database', { timeout: 240_000 }, () => {
  it('is sound when nothing is done to it; what was not validated in the source is named', async () => {
    const { report, failed } = await drillDamaged(() => undefined)
    expect({ verdict: report.verdict, failed, differences: report.differences }).toEqual({
      verdict: 'proven',
      failed: [],
      differences: [],
    })
    expect(report.checks.find(({ check }) => check === 'validity')).toMatchObject({
      result: 'pass',
      reason: 'not valid in the source either: CONSTRAINT old_rule on orders',
    })
  })

  it.each(Object.entries(damages))('is found out: %s', async (_name, { make, failed, says }) => {
    const before = await databases(target)
    const drilled = await drillDamaged(make)
    expect(drilled.failed).toEqual(failed)
    expect(drilled.says.filter((line) => says.test(line))).not.toEqual([])
    expect(drilled.report).toMatchObject({ verdict: 'disproven', backupVerdict: 'disproven' })
    expect(await databases(target)).toEqual(before)
  })
})
