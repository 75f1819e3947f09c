import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectLockConfigurationCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { checkJson } from '@ops/internal-cli/check-json'
import { s3Store } from '@ops/object-store'
import { startS3, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  abortStaleUploads,
  applyRetention,
  findStaleUploads,
  planRetention,
  scanSets,
  storeRemover,
  type Scan,
} from '../src/index.ts'
import {
  findHiddenObjects,
  findLocks,
  inspectBucket,
  listVersions,
  lockUntil,
  newestPart,
  purgeKeys,
  s3Remover,
} from '../src/s3.ts'
import { backupBucket, type BackupBucket } from './backup-bucket.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const DAY_MS = 86_400_000

let server: S3Server
beforeAll(async () => {
  server = await startS3({ mode: 'container' })
})
afterAll(async () => await server?.stop())

/** A moment after everything that a test has stored. */
const later = (): Date => new Date(Date.now() + 5000)

async function newBucket(options: Parameters<S3Server['createBucket']>[0] = {}): Promise<BackupBucket> {
  return backupBucket(server.client, await server.createBucket(options))
}

async function versionsIn({ client, bucket }: BackupBucket): Promise<{ versions: number; markers: number }> {
  let [versions, markers] = [0, 0]
  for await (const { isMarker } of listVersions({ client, bucket }, '')) {
    if (isMarker) markers += 1
    else versions += 1
  }
  return { versions, markers }
}

async function runCli(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH: process.env['PATH'], ...server.env } })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  checkJson('s3-retention', args, output.stdout)
  return { code, ...output }
}

async function deny(bucket: string, actions: string[], resources: string[]): Promise<void> {
  const statement = {
    Effect: 'Deny',
    Principal: '*',
    Action: actions,
    Resource: resources.map((each) => `arn:aws:s3:::${bucket}${each}`),
  }
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  await server.client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }))
}

describe('a bucket that keeps versions', () => {
  it.each([
    // Of each deleted set the two objects are hidden, and the note of its deletion.
    ['mark', { versions: 10, markers: 6 }],
    ['purge', { versions: 4, markers: 0 }],
  ] as const)('with `%s` is left with the versions that this promises', async (versions, expected) => {
    const bucket = await newBucket({ versioning: true })
    const { client, store } = bucket
    const now = later()
    await bucket.writeDaily(4, now)
    const scan = async (): Promise<Scan> => await scanSets({ store })
    const plan = planRetention((await scan()).items, { last: 2 }, { now })
    const remover = s3Remover({ client, bucket: bucket.bucket, versions, plain: storeRemover(store).remove })
    const result = await applyRetention(plan, { store, scan, remover })
    expect(result).toMatchObject({ deleted: { items: 2 }, failures: 0 })
    expect(await bucket.keys()).toHaveLength(4)
    expect(await versionsIn(bucket)).toEqual(expected)
  })

  it('purges all versions of a key and none of keys that begin with it', async () => {
    const bucket = await newBucket({ versioning: true })
    for (const key of ['a', 'a', 'ab', 'a/b', 'ü + %41 <&>']) await bucket.put(key, 'x')
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: 'a' }))
    const results = await purgeKeys(
      { client: bucket.client, bucket: bucket.bucket },
      ['a', 'ü + %41 <&>'],
      undefined,
    )
    expect(results.map(({ outcome }) => outcome)).toEqual(['deleted', 'deleted'])
    expect(await versionsIn(bucket)).toEqual({ versions: 2, markers: 0 })
    expect(await bucket.keys()).toEqual(['a/b', 'ab'])
  })

  it('lists versions page by page', async () => {
    const bucket = await newBucket({ versioning: true })
    const queue = Array.from({ length: 1100 }, (_, index) => `k${index}`).values()
    const work = async (): Promise<void> => {
      for (const key of queue) await bucket.put(key, 'x')
    }
    await Promise.all(Array.from({ length: 16 }, work))
    expect(await versionsIn(bucket)).toEqual({ versions: 1100, markers: 0 })
  })

  it('finds what a delete marker hides, after the grace period', async () => {
    const bucket = await newBucket({ versioning: true })
    await bucket.put('hidden', 'four')
    await bucket.put('hidden', 'four')
    await bucket.put('there', 'x')
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: 'hidden' }))
    const location = { client: bucket.client, bucket: bucket.bucket }
    expect(await findHiddenObjects({ ...location, now: later(), graceHours: 1 })).toEqual([])
    expect(
      await findHiddenObjects({ ...location, now: new Date(Date.now() + DAY_MS), graceHours: 1 }),
    ).toMatchObject([{ key: 'hidden', versions: 3, bytes: 8 }])
  })
})

describe('Object Lock', () => {
  it.each(['GOVERNANCE', 'COMPLIANCE'] as const)(
    'in %s mode keeps the set, with its date, and is no failure',
    async (mode) => {
      const bucket = await newBucket({ objectLock: true })
      const { client, store } = bucket
      const location = { client, bucket: bucket.bucket }
      const now = later()
      const sets = await bucket.writeDaily(4, now)
      const until = new Date(Math.floor(Date.now() / 1000) * 1000 + 120_000)
      await lockUntil({
        ...location,
        keys: [`${sets[3]}/dump.pgc.zst`, `${sets[3]}/manifest.json`],
        until,
        mode,
      })
      expect((await findLocks(location, [`${sets[3]}/dump.pgc.zst`])).get(`${sets[3]}/dump.pgc.zst`)).toEqual(
        {
          until: until.toISOString(),
          legalHold: false,
        },
      )
      const scan = async (): Promise<Scan> => await scanSets({ store })
      const plan = planRetention((await scan()).items, { last: 2 }, { now })
      for (const versions of ['mark', 'purge'] as const) {
        const remover = s3Remover({ ...location, versions, plain: storeRemover(store).remove })
        const result = await applyRetention(plan, { store, scan, remover })
        expect(result.failures).toBe(0)
        expect(result.items.find(({ id }) => id === sets[3])).toMatchObject({
          outcome: 'locked',
          lockedUntil: until.toISOString(),
        })
      }
      expect(await bucket.keys()).toHaveLength(6)
    },
  )

  it('counts on any version of a key when versions are purged', async () => {
    const bucket = await newBucket({ objectLock: true })
    const location = { client: bucket.client, bucket: bucket.bucket }
    const until = new Date(Date.now() + 120_000)
    await bucket.put('key', 'old')
    await lockUntil({ ...location, keys: ['key'], until })
    await bucket.put('key', 'new')
    const purge = s3Remover({ ...location, versions: 'purge', plain: storeRemover(bucket.store).remove })
    expect((await purge.findLocks!(['key'], undefined)).has('key')).toBe(true)
    // The server would refuse as well: nothing asks it to bypass the lock.
    expect(await purgeKeys(location, ['key'], undefined)).toMatchObject([
      { outcome: 'failed', code: 'STORE_ACCESS_DENIED' },
    ])
    expect((await versionsIn(bucket)).versions).toBe(1)
  })

  it('is seen by a plan of the command line, which then keeps the set', async () => {
    const bucket = await newBucket({ objectLock: true })
    const sets = await bucket.writeDaily(3, new Date())
    await bucket.client.send(
      new PutObjectLegalHoldCommand({
        Bucket: bucket.bucket,
        Key: `${sets[2]}/manifest.json`,
        LegalHold: { Status: 'ON' },
      }),
    )
    const { stdout, stderr } = await runCli([
      'plan',
      '--store',
      `s3://${bucket.bucket}`,
      '--policy',
      'last=1',
      '--json',
    ])
    const plan = JSON.parse(stdout)
    expect(
      plan.decisions.map(({ keep, reasons }: { keep: boolean; reasons: string[] }) => [keep, reasons[0]]),
    ).toEqual([
      [true, 'last snapshot'],
      [false, 'last: older than the last 1'],
      [true, 'under legal hold'],
    ])
    expect(stderr).toContain('no lifecycle rule frees its bytes')
  })

  it('is set on new backups by the command line, and running it again changes nothing', async () => {
    const bucket = await newBucket({ objectLock: true })
    const sets = await bucket.writeDaily(2, new Date())
    await bucket.put(
      'other/20260101T000000Z-aaaaaa/manifest.json',
      '{"objects":[{"name":"x","storedBytes":9}]}',
    )
    const args = ['lock', '--store', `s3://${bucket.bucket}`, '--for', '30d', '--json']
    const dry = await runCli(args)
    expect(dry.stderr).toContain('nothing was locked: `lock --apply` does that')
    const location = { client: bucket.client, bucket: bucket.bucket }
    const keys = await bucket.keys()
    expect(await findLocks(location, keys)).toEqual(new Map())
    for (let run = 0; run < 2; run += 1) {
      const { code, stdout } = await runCli([...args, '--apply'])
      expect(code).toBe(0)
      const { items } = JSON.parse(stdout)
      const { time } = (await scanSets({ store: bucket.store })).items.find(({ id }) => id === sets[0])!
      const until = new Date(Date.parse(time) + 30 * DAY_MS).toISOString()
      // The newest good set of each group: the other group has none.
      expect(items).toEqual([{ id: sets[0], objects: 2, until, mode: 'governance' }])
      const locks = await findLocks(location, keys)
      expect([...locks.keys()].toSorted()).toEqual(keys.filter((key) => key.startsWith(sets[0]!)))
      expect([...locks.values()].map((lock) => lock.until)).toEqual([until, until])
    }
  })

  it('is set on one item, and on what it requires', async () => {
    const bucket = await newBucket({ objectLock: true })
    const sets = await bucket.writeDaily(3, new Date())
    const objects = [{ name: 'dump.pgc.zst', storedBytes: 4 }]
    const requires = [sets[2]!.split('/').at(-1)]
    await bucket.put(`${sets[1]}/manifest.json`, JSON.stringify({ objects, requires }))
    const args = [
      'lock',
      `${sets[1]}/manifest.json`,
      '--store',
      `s3://${bucket.bucket}`,
      '--for',
      '7d',
      '--apply',
    ]
    const { code, stdout } = await runCli(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`^locked: ${sets[1]}: 2 objects until .*\nlocked: ${sets[2]}: 2 objects`),
    )
    const locks = await findLocks({ client: bucket.client, bucket: bucket.bucket }, await bucket.keys())
    expect(locks.size).toBe(4)
    expect(new Set([...locks.values()].map(({ until }) => until)).size).toBe(1)
  })

  it('is refused on what is not good, and in a bucket without it', async () => {
    const locking = await newBucket({ objectLock: true })
    const broken = 'main/logical/app/20260101T000000Z-aaaaaa'
    await locking.put(`${broken}/manifest.json`, '{}')
    const args = ['--for', '30d', '--apply', '--store']
    const refused = await runCli(['lock', broken, ...args, `s3://${locking.bucket}`])
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining(`${broken} is not locked, as its manifest.json does not list its objects`),
    ])
    const plain = await newBucket()
    await plain.writeDaily(1, new Date())
    const impossible = await runCli(['lock', ...args, `s3://${plain.bucket}`])
    expect([impossible.code, impossible.stderr]).toEqual([
      2,
      expect.stringContaining(`the bucket ${plain.bucket} has no Object Lock`),
    ])
  })

  it('is never shortened, and a date that is over is refused', async () => {
    const bucket = await newBucket({ objectLock: true })
    const location = { client: bucket.client, bucket: bucket.bucket }
    await bucket.put('key', 'x')
    const far = new Date(Math.floor(Date.now() / 1000) * 1000 + 60_000)
    await lockUntil({ ...location, keys: ['key'], until: far })
    await lockUntil({ ...location, keys: ['key'], until: new Date(Date.now() + 10_000) })
    expect((await findLocks(location, ['key'])).get('key')?.until).toBe(far.toISOString())
    await expect(lockUntil({ ...location, keys: ['key'], until: new Date(0) })).rejects.toMatchObject({
      code: 'RETENTION_OPTION_INVALID',
    })
  })

  it('cannot be set in a bucket without it, and the error names the key', async () => {
    const bucket = await newBucket()
    await bucket.put('key', 'x')
    const locking = lockUntil({ client: bucket.client, bucket: bucket.bucket, keys: ['key'], until: later() })
    await expect(locking).rejects.toMatchObject({ code: 'RETENTION_STORE_FAILED', details: { key: 'key' } })
  })

  it('ends by itself: what was locked is removed by a later run', async () => {
    const bucket = await newBucket({ objectLock: true })
    const { client, store } = bucket
    const sets = await bucket.writeDaily(2, new Date())
    const until = new Date(Date.now() + 6000)
    for (const name of ['dump.pgc.zst', 'manifest.json']) {
      await client.send(
        new PutObjectRetentionCommand({
          Bucket: bucket.bucket,
          Key: `${sets[1]}/${name}`,
          Retention: { Mode: 'COMPLIANCE', RetainUntilDate: until },
        }),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, until.getTime() - Date.now() + 1500))
    const scan = async (): Promise<Scan> => await scanSets({ store })
    const plan = planRetention((await scan()).items, { last: 1 }, { now: new Date() })
    const remover = s3Remover({
      client,
      bucket: bucket.bucket,
      versions: 'purge',
      plain: storeRemover(store).remove,
    })
    expect((await applyRetention(plan, { store, scan, remover })).deleted.items).toBe(1)
    expect(await versionsIn(bucket)).toEqual({ versions: 2, markers: 0 })
  })
})

describe('the note of a deletion', () => {
  it('is hidden where the bucket locks whatever is put into it, and the set is gone', async () => {
    const bucket = await newBucket({ objectLock: true })
    const { client, store } = bucket
    const now = later()
    const sets = await bucket.writeDaily(3, now)
    // From now on, what is put is locked; what is there already is not.
    await client.send(
      new PutObjectLockConfigurationCommand({
        Bucket: bucket.bucket,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
        },
      }),
    )
    const scan = async (): Promise<Scan> => await scanSets({ store })
    const plan = planRetention((await scan()).items, { last: 2 }, { now })
    const plain = storeRemover(store).remove
    const remover = s3Remover({ client, bucket: bucket.bucket, versions: 'purge', plain })
    const result = await applyRetention(plan, { store, scan, remover })
    expect(result).toMatchObject({ deleted: { items: 1 }, failures: 0 })
    expect((await bucket.keys()).filter((key) => key.startsWith(sets[2]!))).toEqual([])
    // Two sets of two objects, and what is hidden of the note.
    expect(await versionsIn(bucket)).toEqual({ versions: 5, markers: 1 })
  })

  it('lets a run that was stopped be finished, also where versions are purged', async () => {
    const bucket = await newBucket({ versioning: true })
    const { client, store } = bucket
    const now = later()
    const sets = await bucket.writeDaily(3, now)
    const scan = async (): Promise<Scan> => await scanSets({ store })
    const purge = s3Remover({
      client,
      bucket: bucket.bucket,
      versions: 'purge',
      plain: storeRemover(store).remove,
    })
    const controller = new AbortController()
    const stopped = applyRetention(planRetention((await scan()).items, { last: 2 }, { now }), {
      store,
      scan,
      signal: controller.signal,
      remover: {
        ...purge,
        remove: async (keys, signal) => {
          const results = await purge.remove(keys, signal)
          controller.abort(new Error('killed'))
          return results
        },
      },
    })
    await expect(stopped).rejects.toThrow('killed')
    expect((await bucket.keys()).filter((key) => key.startsWith(sets[2]!))).toEqual([
      `${sets[2]}/dump.pgc.zst`,
      `${sets[2]}/retention-deleting.json`,
    ])
    const again = planRetention((await scan()).items, { last: 2 }, { now })
    expect((await applyRetention(again, { store, scan, remover: purge })).deleted.items).toBe(1)
    expect(await versionsIn(bucket)).toEqual({ versions: 4, markers: 0 })
  })
})

describe('what a bucket does by itself', () => {
  it('is reported: versions, locks, and lifecycle rules that overlap', async () => {
    const bucket = await newBucket({ objectLock: true })
    await bucket.client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: bucket.bucket,
        LifecycleConfiguration: {
          Rules: [
            { ID: 'thirty', Status: 'Enabled', Filter: { Prefix: 'backups/' }, Expiration: { Days: 30 } },
            { ID: 'other', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 1 } },
            { ID: 'off', Status: 'Disabled', Filter: { Prefix: 'backups/app/' }, Expiration: { Days: 2 } },
            {
              ID: 'uploads',
              Status: 'Enabled',
              Filter: { Prefix: '' },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
            },
          ],
        },
      }),
    )
    const facts = await inspectBucket({ client: bucket.client, bucket: bucket.bucket, prefix: 'backups/app' })
    expect(facts).toMatchObject({ versioning: 'on', objectLock: 'on', expiresOldVersions: false })
    expect(facts.warnings).toEqual([
      expect.stringContaining('lifecycle rule "thirty" on "backups/" deletes objects after 30 days'),
      expect.stringContaining('lifecycle rule "uploads" on "" aborts uploads after 1 days'),
    ])
  })

  it('is quiet about a plain bucket', async () => {
    const bucket = await newBucket()
    expect(await inspectBucket({ client: bucket.client, bucket: bucket.bucket })).toEqual({
      versioning: 'off',
      objectLock: 'off',
      expiresOldVersions: false,
      warnings: [],
    })
  })
})

describe('unfinished uploads', () => {
  it('are aborted after the grace period, counted from their newest part', async () => {
    const { client, bucket, store } = await newBucket()
    const Key = 'main/logical/app/20200101T000000Z-abcdef/dump.pgc.zst'
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))
    await client.send(new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: 1, Body: 'part' }))
    const location = { client, bucket }
    expect(await findStaleUploads({ store, now: later(), graceHours: 1 })).toEqual([])
    const part = await newestPart(location, { key: Key, uploadId: UploadId! })
    expect(Math.abs(part!.getTime() - Date.now())).toBeLessThan(60_000)

    const options = { store, now: new Date(Date.now() + DAY_MS), graceHours: 1 }
    const alive = async (): Promise<Date> => new Date(Date.now() + DAY_MS)
    expect(await findStaleUploads({ ...options, newestPart: alive })).toEqual([])
    const stale = await findStaleUploads({
      ...options,
      newestPart: async (upload) => await newestPart(location, upload),
    })
    expect(stale).toMatchObject([{ key: Key, uploadId: UploadId }])
    expect(await abortStaleUploads(store, stale)).toMatchObject([{ aborted: true }])
    expect(await findStaleUploads(options)).toEqual([])
  })
})

describe('missing permissions', () => {
  it('to list stops everything, in one clear line', async () => {
    const bucket = await newBucket()
    await bucket.writeDaily(2, new Date())
    await deny(bucket.bucket, ['s3:ListBucket'], [''])
    const { code, stderr } = await runCli(['plan', '--store', `s3://${bucket.bucket}`, '--policy', 'last=1'])
    expect(code).toBe(1)
    expect(stderr).toContain('the credentials may not do this')
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('to delete single keys is reported for each, the set stays whole, and the command ends with 3', async () => {
    const bucket = await newBucket()
    const sets = await bucket.writeDaily(4, new Date())
    await deny(bucket.bucket, ['s3:DeleteObject'], [`/${sets[3]}/*`])
    const args = ['apply', '--apply', '--store', `s3://${bucket.bucket}`, '--policy', 'last=2']
    const { code, stderr } = await runCli(args)
    expect(stderr).toContain(`failed: ${sets[3]}: `)
    expect(stderr).toContain('deleted 1 (')
    expect(code).toBe(3)
    // The note that its deletion was begun means nothing as long as the manifest is there.
    expect((await bucket.keys()).filter((key) => key.startsWith(sets[3]!))).toEqual([
      `${sets[3]}/dump.pgc.zst`,
      `${sets[3]}/manifest.json`,
      `${sets[3]}/retention-deleting.json`,
    ])
    expect(await bucket.keys()).toHaveLength(7)
    const { items } = await scanSets({ store: bucket.store })
    expect(items.map(({ problem, isUnpublished }) => problem ?? isUnpublished)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('to see versions or locks is named, before anything is deleted', async () => {
    const bucket = await newBucket({ objectLock: true })
    await bucket.writeDaily(4, new Date())
    await deny(bucket.bucket, ['s3:ListBucketVersions'], [''])
    const args = [
      'apply',
      '--apply',
      '--store',
      `s3://${bucket.bucket}`,
      '--policy',
      'last=2',
      '--versions',
      'purge',
    ]
    const { code, stderr } = await runCli(args)
    expect(code).toBe(1)
    expect(stderr).toContain('the credentials need the permission s3:ListBucketVersions')
    expect(await bucket.keys()).toHaveLength(8)
  })

  it('of wrong credentials are told apart', async () => {
    const bucket = await newBucket()
    const client = new S3Client({
      endpoint: server.endpoint,
      region: server.region,
      forcePathStyle: true,
      credentials: { accessKeyId: server.accessKeyId, secretAccessKey: 'wrong' },
    })
    const store = s3Store({ client, bucket: bucket.bucket })
    await expect(scanSets({ store })).rejects.toMatchObject({
      code: 'RETENTION_STORE_FAILED',
      details: { storeCode: 'STORE_BAD_CREDENTIALS' },
    })
    client.destroy()
  })
})

describe('sweep on the command line', () => {
  it('finds orphans, uploads and hidden objects, and removes them with --apply', async () => {
    const bucket = await newBucket({ versioning: true })
    await bucket.writeDaily(2, new Date())
    await bucket.client.send(
      new PutObjectCommand({
        Bucket: bucket.bucket,
        Key: 'main/logical/app/20200101T000000Z-abcdef/dump.pgc.zst',
        Body: 'x',
      }),
    )
    await bucket.client.send(
      new CreateMultipartUploadCommand({ Bucket: bucket.bucket, Key: 'main/logical/app/x' }),
    )
    await bucket.put('gone', 'x')
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: 'gone' }))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const args = ['sweep', '--store', `s3://${bucket.bucket}`, '--grace-hours', '0', '--versions', 'purge']
    const found = await runCli(args)
    expect(found.stdout).toContain('set without a manifest: main/logical/app/20200101T000000Z-abcdef')
    expect(found.stdout).toContain('unfinished upload: main/logical/app/x')
    expect(found.stdout).toContain('hidden: gone: 2 versions')
    expect(await bucket.keys()).toHaveLength(5)
    const done = await runCli([...args, '--apply'])
    expect(done.code).toBe(0)
    expect(done.stderr).toContain('aborted 1 uploads, purged 1 hidden objects')
    expect((await runCli(args)).stdout).toBe('no leftovers\n')
    expect(await bucket.keys()).toHaveLength(4)
  })
})
