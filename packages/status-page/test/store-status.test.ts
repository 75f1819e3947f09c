import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore, type ObjectStore } from '@ops/object-store'
import { createBackup } from '@ops/pg-backup'
import type { VerificationRecord } from '@ops/restore-verify'
import { findPostgres, needs, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { readStoreStatus, type ReadStoreStatusOptions, type StoreStatus } from '../src/store-status.ts'

/** Backups of two databases over a week with a hole in it, taken for real with another clock. */
const hasPostgres = findPostgres() !== undefined
const NOW = new Date('2026-11-21T09:00:00Z')
const SHOP_DAYS = ['2026-11-15', '2026-11-16', '2026-11-19', '2026-11-20'] as const

let folder: string
let store: ObjectStore
let server: Postgres
const ids = new Map<string, string>()

beforeAll(async () => {
  if (!hasPostgres) return
  folder = await mkdtemp(join(tmpdir(), 'store-status-test-'))
  store = fileStore({ folder })
  server = await startPostgres()
  await server.createDatabase('shop')
  await server.query('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id', 'shop')
  for (const day of SHOP_DAYS) ids.set(day, await backUp('shop', day))
  ids.set('old', await backUp('postgres', '2026-11-18'))
  await recordVerdict(ids.get('2026-11-16')!, 'proven')
  await recordVerdict(ids.get('2026-11-19')!, 'disproven')
}, 300_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

beforeEach((context) => needs(context, hasPostgres, 'PostgreSQL’s programs are not on this machine'))

it('has each database with its backups in figures, those that were asked for first', async () => {
  const { databases, problems } = await read({
    databases: [
      { cluster: 'main', database: 'never' },
      { cluster: 'main', database: 'shop', objectives: { backupAgeSeconds: 60 } },
    ],
  })
  expect(problems).toEqual([])
  expect(databases.map(({ database, backups }) => [database, backups.length])).toEqual([
    ['never', 0],
    ['shop', 4],
    ['postgres', 1],
  ])
  const shop = databases[1]!
  expect(shop.objectives).toEqual({ backupAgeSeconds: 60 })
  expect(shop.backups.map(({ id }) => id)).toEqual(SHOP_DAYS.map((day) => ids.get(day)))
  expect(shop.backups[0]).toMatchObject({ rows: 1000, encrypted: false, drill: null })
  expect(shop.backups[0]!.storedBytes).toBeGreaterThan(0)
  expect(shop.backups[2]!.drill).toEqual({
    finishedAt: '2026-11-20T05:00:00.000Z',
    verdict: 'disproven',
    durationSeconds: 12,
    recoverySeconds: 7.5,
    differences: 2,
  })
})

it('marks each day by what is worst known of it, and a whole day without a backup as a gap', async () => {
  const { databases } = await read({ policy: { daily: 7 } })
  const shop = databases.find(({ database }) => database === 'shop')!
  expect(shop.calendar).toHaveLength(30)
  expect(shop.calendar.slice(-8).map(({ date, state }) => `${date} ${state}`)).toEqual([
    '2026-11-14 none',
    '2026-11-15 unproven',
    '2026-11-16 proven',
    '2026-11-17 gap',
    '2026-11-18 gap',
    '2026-11-19 disproven',
    '2026-11-20 unproven',
    '2026-11-21 none',
  ])
})

it('counts in the days of the time zone', async () => {
  // 02:00 UTC is the evening before in New York.
  const { databases } = await read({ timeZone: 'America/New_York' })
  const shop = databases.find(({ database }) => database === 'shop')!
  expect(shop.calendar.find(({ backups }) => backups.includes(ids.get('2026-11-20')!))?.date).toBe(
    '2026-11-19',
  )
})

it('tells what retention would do at its next run, and why', async () => {
  const { retention } = await read({
    policy: { last: 1 },
    nextRetention: { at: new Date('2026-11-22T03:00:00Z'), isApplied: true },
  })
  expect(retention).toMatchObject({
    at: '2026-11-22T03:00:00.000Z',
    policy: 'last=1',
    isApplied: true,
    removed: { items: 3 },
  })
  const kept = retention!.decisions.filter(({ keep }) => keep)
  expect(kept.map(({ item }) => item.split('/').at(-1))).toContain(ids.get('2026-11-20'))
  for (const { reasons } of retention!.decisions) expect(reasons).not.toEqual([])
})

it('says nothing of retention without a policy', async () => {
  expect((await read({})).retention).toBeNull()
})

it('names a policy that would keep nothing, and shows the rest', async () => {
  const { retention, problems, databases } = await read({
    policy: { maxAgeDays: 1 },
    nextRetention: { at: new Date('2027-06-01T03:00:00Z'), isApplied: true },
  })
  expect(retention).toBeNull()
  expect(problems).toMatchObject([
    { source: 'retention', message: expect.stringContaining('would keep nothing at all') as string },
  ])
  expect(databases).toHaveLength(2)
})

it('an empty store is a database without backups, and no error', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'store-status-empty-'))
  try {
    const { databases, retention } = await readStoreStatus({
      store: fileStore({ folder: empty }),
      databases: [{ cluster: 'main', database: 'shop' }],
      policy: { daily: 7 },
      now: () => NOW,
    })
    expect(databases).toMatchObject([{ database: 'shop', backups: [] }])
    expect(retention).toMatchObject({ kept: { items: 0 }, removed: { items: 0 } })
  } finally {
    await rm(empty, { recursive: true, force: true })
  }
})

it('a manifest that cannot be read is named, and the others are shown', async () => {
  const id = await backUp('shop', '2026-11-14')
  const backup = join(folder, 'main/logical/shop', id)
  try {
    await writeFile(join(backup, 'manifest.json'), '{}')
    const { databases, problems } = await read({})
    expect(databases.find(({ database }) => database === 'shop')!.backups).toHaveLength(4)
    expect(problems).toMatchObject([{ source: 'main/shop', message: expect.stringContaining(id) as string }])
  } finally {
    await rm(backup, { recursive: true })
  }
})

function read(options: Partial<ReadStoreStatusOptions>): Promise<StoreStatus> {
  return readStoreStatus({ store, databases: [], now: () => NOW, ...options })
}

async function backUp(database: string, day: string): Promise<string> {
  const { host, port, user, password } = server
  const connection = { host, port, user, password, database }
  const { id } = await createBackup({
    store,
    connection,
    lease: false,
    now: () => new Date(`${day}T02:00:00Z`),
  })
  return id
}

async function recordVerdict(id: string, verdict: 'proven' | 'disproven'): Promise<void> {
  const day = `${id.slice(0, 4)}-${id.slice(4, 6)}-${String(Number(id.slice(6, 8)) + 1).padStart(2, '0')}`
  const record: VerificationRecord = {
    format: 'ops.verification/1',
    verdict,
    backup: { cluster: 'main', database: 'shop', id },
    manifestSha256: '0'.repeat(64),
    drills: [
      {
        startedAt: `${day}T04:59:48.000Z`,
        finishedAt: `${day}T05:00:00.000Z`,
        verdict,
        backupVerdict: verdict,
        failedChecks: [],
        differences: verdict === 'proven' ? 0 : 2,
        durationMs: 12_000,
        recoveryMs: 7500,
        rows: 1000,
        tables: 1,
        target: 'local, PostgreSQL 17',
      },
    ],
  }
  await writeFile(join(folder, 'main/logical/shop', id, 'verification.json'), JSON.stringify(record))
}
