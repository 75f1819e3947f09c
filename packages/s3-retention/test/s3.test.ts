import { startS3, type S3Server } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyRetention, planRetention, scanObjects, scanSets, type Scan } from '../src/index.ts'
import { backupBucket } from './backup-bucket.ts'

describe('on a plain S3 server', () => {
  let server: S3Server
  beforeAll(async () => {
    server = await startS3({ mode: 'local' })
  })
  afterAll(async () => await server.stop())

  it('plans, deletes and plans again', async () => {
    const { store, writeDaily, keys } = backupBucket(server.client, await server.createBucket())
    const now = new Date(Date.now() + 60_000)
    const sets = await writeDaily(6, now)
    const scan = async (): Promise<Scan> => await scanSets({ store })
    const plan = planRetention((await scan()).items, { daily: 3 }, { now })
    const result = await applyRetention(plan, { store, scan })
    expect(result).toMatchObject({ deleted: { items: 3 }, failures: 0 })
    expect(await keys()).toEqual(
      sets
        .slice(0, 3)
        .flatMap((set) => [`${set}/dump.pgc.zst`, `${set}/manifest.json`])
        .toSorted(),
    )
    expect(planRetention((await scan()).items, { daily: 3 }, { now }).removed.items).toBe(0)
  })

  it.each([
    [
      'more keys than fit on a page or into a request',
      Array.from({ length: 1100 }, (_, index) => `plain-${index}`),
    ],
    [
      'keys with odd characters',
      ['ü', 'a b', 'a+b', '%41', '<&>', '"\'', '\\', '日本', '#?', '~*()', 'a//b', 'plain-0'],
    ],
  ])(
    'handles %s',
    async (_, names) => {
      const { store, put, keys } = backupBucket(server.client, await server.createBucket())
      const queue = names.values()
      const work = async (): Promise<void> => {
        for (const name of queue) await put(`logs/2026-10-${name === 'plain-0' ? '02' : '01'} ${name}`, 'x')
      }
      await Promise.all(Array.from({ length: 16 }, work))
      const scan = async (): Promise<Scan> =>
        await scanObjects({ store, prefix: 'logs/', groupBy: /^logs/u, timePattern: '%Y-%m-%d' })
      const plan = planRetention((await scan()).items, { last: 1 }, { now: new Date(Date.now() + 60_000) })
      // A key with an empty segment is none that the store can name, so it is not seen and not touched.
      const listable = names.filter((name) => !name.includes('//')).length
      expect(plan.removed.items).toBe(listable - 1)
      const result = await applyRetention(plan, { store, scan, maxDeleteFraction: 1 })
      expect(result).toMatchObject({ deleted: { items: listable - 1 }, failures: 0 })
      expect(await keys()).toEqual(['logs/2026-10-02 plain-0'])
    },
    240_000,
  )

  it('says which bucket is not there', async () => {
    const { store } = backupBucket(server.client, 'no-such-bucket')
    await expect(scanSets({ store })).rejects.toMatchObject({
      code: 'RETENTION_STORE_FAILED',
      details: { storeCode: 'STORE_NO_BUCKET' },
      message: expect.stringContaining('no-such-bucket'),
    })
  })
})
