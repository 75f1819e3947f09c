import {
  ACCESS_DENIED,
  SLOW_DOWN,
  startFaultProxy,
  startPostgres,
  startS3,
  type Postgres,
  type S3Server,
} from '@ops/testbed'
import { s3Store } from '@ops/object-store'
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackupError } from '../src/backup-error.ts'
import { createBackup, type BackupProgress } from '../src/create-backup.ts'
import { connectionTo, temporaryStore } from './harness.ts'

let server: Postgres
let s3: S3Server

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startPostgres(), startS3()])
})

afterAll(() => Promise.all([server?.stop(), s3?.stop()]))

describe('a whole backup', () => {
  it('is tried again when the server could not be reached', async () => {
    await using place = await temporaryStore()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    network.refuse()
    const retries: BackupProgress[] = []
    const { host, port } = network
    await createBackup({
      store: place.store,
      connection: { ...connectionTo(server, 'postgres'), host, port },
      retry: { attempts: 4, delayMs: 1, maxDelayMs: 5 },
      onProgress: (event) => {
        if (event.phase !== 'retry') return
        retries.push(event)
        if (retries.length === 2) network.heal()
      },
    })
    expect(retries).toMatchObject([
      { attempt: 1, attempts: 4, code: 'BACKUP_CONNECT_FAILED' },
      { attempt: 2, attempts: 4, code: 'BACKUP_CONNECT_FAILED' },
    ])
    expect(await place.files()).toHaveLength(2)
  })

  it.each([
    ['overload of the store', SLOW_DOWN, 3],
    ['a store that denies access', ACCESS_DENIED, 1],
  ])('meets %s %o: tries as often as makes sense', async (_name, answer, attempts) => {
    await using proxy = await startFaultProxy({ target: s3.endpoint })
    const { accessKeyId, secretAccessKey, region } = s3
    const client = new S3Client({
      endpoint: proxy.endpoint,
      region,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey },
    })
    const isDump = ({ method, path }: { method: string; path: string }): boolean =>
      method === 'PUT' && path.includes('/dump.pgc.zst')
    proxy.failRequests({ when: isDump, with: answer })
    const store = s3Store({ client, bucket: await s3.createBucket(), maxAttempts: 1 })
    const backup = createBackup({
      store,
      connection: connectionTo(server, 'postgres'),
      retry: { attempts: 3, delayMs: 1 },
    })
    await expect(backup).rejects.toMatchObject({ code: 'BACKUP_STORE_FAILED' })
    expect(proxy.requests.filter(isDump)).toHaveLength(attempts)
    client.destroy()
  })

  it('is not tried again after an abort', async () => {
    await using place = await temporaryStore()
    const controller = new AbortController()
    const reason = new Error('enough')
    let attempts = 0
    const backup = createBackup({
      store: place.store,
      connection: { ...connectionTo(server, 'postgres'), port: 1 },
      retry: { attempts: 100, delayMs: 600_000 },
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === 'connect') attempts += 1
        if (phase === 'retry') controller.abort(reason)
      },
    })
    await expect(backup).rejects.toBe(reason)
    expect(attempts).toBe(1)
  })

  it.each([{ attempts: 0 }, { attempts: 1.5 }, { attempts: 2, delayMs: -1 }])('refuses %o', async (retry) => {
    await using place = await temporaryStore()
    await expect(createBackup({ store: place.store, retry })).rejects.toMatchObject({
      code: 'BACKUP_BAD_OPTIONS',
    })
  })
})

describe('a store that cannot hold a lease', () => {
  it('goes without, unless a lease is asked for', async () => {
    const store = s3Store({ client: s3.client, bucket: await s3.createBucket() })
    const connection = connectionTo(server, 'postgres')
    const { putIfAbsent } = await store.capabilities()
    expect(await createBackup({ store, connection })).toMatchObject({ leased: putIfAbsent })
    const asked = createBackup({ store, connection, lease: { waitMs: 1000 } })
    const outcome = await asked.then(
      ({ leased }) => ({ leased }),
      ({ code, message }: BackupError) => ({ code, message }),
    )
    const refusal = {
      code: 'BACKUP_BAD_OPTIONS',
      message: expect.stringContaining('cannot hold a lease') as string,
    }
    expect(outcome).toEqual(putIfAbsent ? { leased: true } : refusal)
  })
})
