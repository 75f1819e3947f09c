import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore, type ObjectStore } from '@ops/object-store'
import { afterAll, describe, expect, it } from 'vitest'
import { storeRecords } from '../src/job-records.ts'

const folder: string = await mkdtemp(join(tmpdir(), 'job-records-'))
afterAll(() => rm(folder, { recursive: true }))
const store: ObjectStore = fileStore({ folder })
const records = storeRecords({ store, cluster: 'main' })
const job = { kind: 'backup', database: 'a/b' }

describe('the record of a job in the store', () => {
  it('is read as it was written', async () => {
    const record = {
      format: 'ops.worker-job/1',
      slot: '2026-11-21T02:00:00.000Z',
      startedAt: '2026-11-21T02:00:00.000Z',
      finishedAt: '2026-11-21T02:00:01.000Z',
      failures: 0,
    } as const
    await records.write(job, record)
    expect(await records.read(job)).toEqual(record)
    expect(await records.read({ ...job, database: 'other' })).toBeUndefined()
  })

  it.each([
    ['empty', ''],
    ['cut off', '{ "format": "ops.worker-job/1", "slot":'],
    ['of another format', '{ "format": "ops.worker-job/2" }'],
    ['endless', 'x'.repeat(100_000)],
  ])('is none when it is %s: the job runs, and leaves a better one', async (_what, text) => {
    await store.put('main/worker/backup/a%2Fb/record.json', Buffer.from(text))
    expect(await records.read(job)).toBeUndefined()
  })
})
