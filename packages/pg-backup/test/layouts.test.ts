import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { startPostgres, type Postgres } from '@ops/testbed'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readArchive, type ArchiveContents } from '../src/archive/index.ts'
import { backupFolder } from '../src/backup-set.ts'
import { checkBackup } from '../src/check-backup.ts'
import { createBackup, type CreateBackupOptions } from '../src/create-backup.ts'
import { digestDatabase } from '../src/digest-database.ts'
import type { BackupKeys } from '../src/encryption.ts'
import type { Manifest } from '../src/manifest.ts'
import { openBackup } from '../src/open-backup.ts'
import { restoreBackup, type RestoreBackupOptions } from '../src/restore-backup.ts'
import { SHOP } from './archive-shop.ts'
import { content } from './dump-archive.ts'
import { connectionTo, temporaryFolder, temporaryStore, type TemporaryStore } from './harness.ts'

// A backup starts a dozen programs, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 })

let server: Postgres
let identity: string
let otherIdentity: string
let recipient: string

beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('shop')
  await server.query(SHOP, 'shop')
  identity = await generateX25519Identity()
  otherIdentity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
})

afterAll(() => server?.stop())

type Form = Pick<CreateBackupOptions, 'jobs' | 'compression' | 'encryption' | 'globals' | 'noRolePasswords'>

function take(place: TemporaryStore, form: Form, options: Partial<CreateBackupOptions> = {}) {
  return createBackup({ store: place.store, connection: connectionTo(server, 'shop'), ...form, ...options })
}

let copies = 0

/** Restores into a new database, and says what is in it then. */
async function restored(place: TemporaryStore, manifest: Manifest, options: Partial<RestoreBackupOptions>) {
  const target = connectionTo(server, `copy_${++copies}`)
  await restoreBackup({ store: place.store, manifest, connection: target, createDatabase: true, ...options })
  try {
    return content((await digestDatabase({ connection: target })).contents)
  } finally {
    await server.query(`DROP DATABASE ${target.database}`)
  }
}

/** The layouts by the jobs that make them. */
const layouts = [
  { layout: 'custom', jobs: 1 },
  { layout: 'directory', jobs: 2 },
] as const

describe.each(layouts)('a backup in $layout layout', ({ layout, jobs }) => {
  /** One backup for all that only look at it: encrypted, not compressed, with globals. */
  let place: TemporaryStore
  let manifest: Manifest
  let source: ArchiveContents

  beforeAll(async () => {
    place = await temporaryStore()
    const backup = await take(place, {
      jobs,
      compression: { algorithm: 'none' },
      encryption: { recipients: [recipient] },
      globals: true,
    })
    manifest = backup.manifest
    source = (await digestDatabase({ connection: connectionTo(server, 'shop') })).contents
  })

  afterAll(() => place?.[Symbol.asyncDispose]())

  it('says what is in it, and who can open it', () => {
    const { tables, largeObjects, sequences } = source
    expect(manifest).toMatchObject({ layout, tables, largeObjects, sequences })
    expect(manifest.globals).toEqual({ rolePasswords: true })
    expect(manifest.encryption).toEqual({
      format: 'age-encryption.org/v1',
      recipients: [recipient],
      passphrase: false,
    })
    expect(manifest.objects.every(({ name }) => name.endsWith('.age'))).toBe(true)
  })

  it('comes back equal, by one job and by several', async () => {
    await using staging = await temporaryFolder()
    const options = { identities: [identity], stagingFolder: staging.path }
    expect(await restored(place, manifest, options)).toEqual(content(source))
    expect(await restored(place, manifest, { ...options, jobs: 3 })).toEqual(content(source))
    expect(await readdir(staging.path)).toEqual([])
  })

  it.each([
    ['zstd', '.zst'],
    ['gzip', '.gz'],
  ] as const)('comes back equal when it is not encrypted: %s', async (algorithm, suffix) => {
    await using other = await temporaryStore()
    const { manifest: plain } = await take(other, { jobs, compression: { algorithm } })
    expect(plain.encryption).toBe(null)
    expect(plain.objects.every(({ name }) => name.endsWith(suffix))).toBe(true)
    expect(plain.tables).toEqual(source.tables)
    expect(await restored(other, plain, {})).toEqual(content(source))
  })

  it('is opened by its passphrase', async () => {
    await using other = await temporaryStore()
    const passphrase = 'seven wooden horses'
    const { manifest: closed } = await take(
      other,
      { jobs, encryption: { passphrase } },
      { connection: connectionTo(server, 'postgres') },
    )
    expect(closed.encryption).toMatchObject({ recipients: [], passphrase: true })
    expect(JSON.stringify(closed)).not.toContain(passphrase)
    await restored(other, closed, { passphrase })
  })

  it('is nowhere in the clear', async () => {
    for (const file of await place.files()) {
      const bytes = await readFile(file)
      for (const secret of ['name 4711', 'PGDMP', 'CREATE ROLE', identity])
        expect(bytes.includes(secret), `${secret} in ${file}`).toBe(false)
    }
  })

  it('is not touched with a wrong key, and neither is a server', async () => {
    const wrong: { keys: BackupKeys; code: string; says: RegExp }[] = [
      { keys: {}, code: 'BACKUP_KEY_MISSING', says: /it takes the identity of age1/ },
      {
        keys: { identities: [otherIdentity] },
        code: 'BACKUP_KEY_WRONG',
        says: /does not open backup .* of "shop"; it takes the identity of age1/,
      },
      { keys: { passphrase: 'x' }, code: 'BACKUP_KEY_WRONG', says: /it takes the identity of age1/ },
      { keys: { identities: ['AGE-SECRET-KEY-1OOPS'] }, code: 'BACKUP_BAD_OPTIONS', says: /no age identity/ },
    ]
    const before = await server.query('SELECT datname FROM pg_database ORDER BY 1')
    for (const { keys, code, says } of wrong) {
      const failure = restored(place, manifest, { ...keys, globals: true })
      await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(says) as string })
      await expect(failure).rejects.not.toThrow('AGE-SECRET-KEY-1OOPS')
    }
    expect(await server.query('SELECT datname FROM pg_database ORDER BY 1')).toEqual(before)
  })

  it('is checked without a key', async () => {
    const { objects, bytes } = await checkBackup({ store: place.store, manifest })
    expect(objects).toBe(manifest.objects.length)
    expect(bytes).toBe(manifest.objects.reduce((sum, { storedBytes }) => sum + storedBytes, 0))
  })

  const damage: Record<string, (one: string, other: string) => Promise<void>> = {
    'an object that is gone': (path) => rm(path),
    'an object that is cut': async (path) => writeFile(path, (await readFile(path)).subarray(0, -1)),
    'a flipped bit': async (path) => {
      const bytes = await readFile(path)
      bytes[bytes.length >> 1]! ^= 1
      await writeFile(path, bytes)
    },
    'two objects in each other’s place': async (one, other) => {
      await rename(one, `${one}.tmp`)
      await rename(other, one)
      await rename(`${one}.tmp`, other)
    },
  }

  it.each(Object.entries(damage))('is refused with %s', async (_, harm) => {
    const [one, other] = manifest.objects
      .toReversed()
      .map(({ name }) => join(place.folder, backupFolder(manifest), name)) as [string, string]
    const intact = await Promise.all([readFile(one), readFile(other)])
    await harm(one, other)
    try {
      const refused = { code: 'BACKUP_OBJECT_DAMAGED' }
      await expect(checkBackup({ store: place.store, manifest })).rejects.toMatchObject(refused)
      const failure = restored(place, manifest, { identities: [identity] })
      await expect(failure).rejects.toMatchObject(refused)
    } finally {
      await Promise.all([writeFile(one, intact[0]), writeFile(other, intact[1])])
    }
  })
})

describe('one archive as a stream', () => {
  it('is read from a custom layout, decrypted', async () => {
    await using place = await temporaryStore()
    const { manifest } = await take(place, { encryption: { recipients: [recipient] } })
    const archive = await openBackup({ store: place.store, manifest, identities: [identity] })
    expect((await readArchive(archive)).tables).toEqual(manifest.tables)
  })

  it('is refused of a directory layout, which is none', async () => {
    await using place = await temporaryStore()
    const { manifest } = await take(place, { jobs: 2 })
    await expect(openBackup({ store: place.store, manifest })).rejects.toMatchObject({
      code: 'BACKUP_LAYOUT_UNSUPPORTED',
      message: expect.stringContaining('pg-backup restore') as string,
    })
  })
})

describe('a hostile manifest', () => {
  it('cannot name a file outside of staging', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    const { manifest } = await take(place, { jobs: 2 })
    for (const name of ['dump/evil.sh.zst', 'dump/.zst', 'toc.dat.zst', 'dump/UP.dat.zst']) {
      const [first, ...others] = manifest.objects
      const hostile = { ...manifest, objects: [...others, { ...first!, name }] }
      const failure = restored(place, hostile, { checkFirst: false, stagingFolder: staging.path })
      await expect(failure).rejects.toMatchObject({ code: 'BACKUP_MANIFEST_INVALID' })
    }
    expect(await readdir(staging.path)).toEqual([])
  })
})

describe('a staging folder', () => {
  it('that is not there is refused before the database has any work', async () => {
    await using place = await temporaryStore()
    await expect(take(place, { jobs: 2 }, { stagingFolder: '/nowhere' })).rejects.toMatchObject({
      code: 'BACKUP_STAGING_FAILED',
      message: expect.stringContaining('/nowhere') as string,
    })
    const { manifest } = await take(place, {})
    await expect(restored(place, manifest, { jobs: 2, stagingFolder: '/nowhere' })).rejects.toMatchObject({
      code: 'BACKUP_STAGING_FAILED',
    })
  })

  it('is only for its owner, and empty afterwards', async () => {
    await using place = await temporaryStore()
    await using staging = await temporaryFolder()
    await mkdir(join(staging.path, 'unrelated'))
    await take(place, { jobs: 2 }, { stagingFolder: staging.path })
    expect(await readdir(staging.path)).toEqual(['unrelated'])
  })
})

describe('an archive in gzip', () => {
  it('is what zcat reads', async () => {
    await using place = await temporaryStore()
    const { manifest, manifestKey } = await take(place, { compression: { algorithm: 'gzip', level: 1 } })
    const { gunzipSync } = await import('node:zlib')
    const stored = await readFile(join(place.folder, dirname(manifestKey), manifest.objects[0]!.name))
    const archive = await buffer(await openBackup({ store: place.store, manifest }))
    expect(gunzipSync(stored).equals(archive)).toBe(true)
  })
})
