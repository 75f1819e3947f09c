import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { s3Store, type ObjectStore } from '@ops/object-store'
import {
  ACCESS_DENIED,
  startFaultProxy,
  startPostgres,
  startS3,
  type FaultProxy,
  type Postgres,
  type S3Server,
  type SeenRequest,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackupError } from '../src/backup-error.ts'
import { createBackup } from '../src/create-backup.ts'
import { listBackups } from '../src/list-backups.ts'
import { connectionTo, shell } from './harness.ts'
import { openUploads } from './open-uploads.ts'
import { until } from './until.ts'

/** What a store's fault matrix (fault-matrix.slow.test.ts) does not tell: what is named when it cannot be removed. */
let server: Postgres
let s3: S3Server

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startPostgres(), startS3()])
  await server.createDatabase('app')
  // About 7 MiB when compressed: two parts, of which the first has the 5 MiB that S3 asks for.
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, encode(sha512(i::text::bytea), 'hex') AS name FROM generate_series(1, 110000) i`,
    'app',
  )
})

afterAll(() => Promise.all([server?.stop(), s3?.stop()]))

const isPart = (request: SeenRequest, number: number): boolean =>
  request.path.includes(`partNumber=${number}&`)
const isManifest = (request: SeenRequest): boolean => request.path.includes('/manifest.json')

interface Place extends AsyncDisposable {
  readonly proxy: FaultProxy
  /** By way of the proxy. */
  readonly store: ObjectStore
  /** Around it. */
  readonly direct: ObjectStore
  keys(): Promise<string[]>
  /** The uploads through the proxy that still take parts. */
  openUploads(): Promise<string[]>
}

async function faultyStore(): Promise<Place> {
  const proxy = await startFaultProxy({ target: s3.endpoint })
  const bucket = await s3.createBucket()
  const { accessKeyId, secretAccessKey, region } = s3
  const client = new S3Client({
    endpoint: proxy.endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
  return {
    proxy,
    store: s3Store({ client, bucket, partSizeBytes: 5 * 2 ** 20, maxAttempts: 2, retryDelayMs: 5 }),
    direct: s3Store({ client: s3.client, bucket }),
    keys: async () => {
      const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.map((object) => object.Key!)
    },
    openUploads: () => openUploads(proxy, s3, bucket),
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await proxy.stop()
    },
  }
}

async function failedBackup(store: ObjectStore): Promise<BackupError> {
  return createBackup({ store, connection: connectionTo(server, 'app') }).then(
    () => expect.fail('the backup did not fail'),
    (error: unknown) => error as BackupError,
  )
}

async function ownChildren(): Promise<string[]> {
  const lines = (await shell('ps -A -o ppid=,comm=', {})).split('\n').map((line) => line.trim().split(/\s+/))
  return lines.flatMap(([parent, name]) => (Number(parent) === process.pid ? [name!.split('/').at(-1)!] : []))
}

describe('a store that fails while the dump stands still', () => {
  it('ends pg_dump, which nobody would read any more', async () => {
    await using place = await faultyStore()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    network.throttle(20_000_000)
    place.proxy.failRequests({
      when: (request) => {
        if (isPart(request, 1)) network.stall()
        return isPart(request, 1)
      },
      with: ACCESS_DENIED,
    })
    const { host, port } = network
    const backup = createBackup({
      store: place.store,
      connection: { ...connectionTo(server, 'app'), host, port },
    })
    await expect(backup).rejects.toMatchObject({ code: 'BACKUP_STORE_FAILED' })
    await until(async () => !(await ownChildren()).includes('pg_dump'))
    expect(await place.keys()).toEqual([])
  })
})

describe('what could not be removed is named', () => {
  const isDelete = ({ method, path }: SeenRequest): boolean => method === 'POST' && path.includes('?delete')
  const isAbort = ({ method, path }: SeenRequest): boolean =>
    method === 'DELETE' && path.includes('uploadId=')

  it('the upload, when it can be neither finished nor aborted', async () => {
    await using place = await faultyStore()
    place.proxy.failRequests({
      when: (request) => isAbort(request) || isPart(request, 2),
      with: ACCESS_DENIED,
    })
    const error = await failedBackup(place.store)
    const uploads = await place.openUploads()
    expect(uploads).toHaveLength(1)
    expect(error.details.leftBehind).toEqual([
      expect.stringMatching(new RegExp(String.raw`/dump\.pgc\.zst \(upload ${uploads[0]}\)$`)),
    ])
    expect(error.message).toContain(`could not be removed: ${error.details.leftBehind![0]}`)
    expect(await place.keys()).toEqual([])
  })

  it('the dump, when the manifest is refused', async () => {
    await using place = await faultyStore()
    place.proxy.failRequests({
      when: (request) => isDelete(request) || (request.method === 'PUT' && isManifest(request)),
      with: ACCESS_DENIED,
    })
    const error = await failedBackup(place.store)
    expect(error.details.leftBehind).toEqual([expect.stringMatching(/dump\.pgc\.zst$/)])
    expect(await place.keys()).toEqual(error.details.leftBehind)
    expect(await listBackups({ store: place.direct })).toEqual([])
  })

  it('manifest and dump, when the manifest was put after all: never the one without the other', async () => {
    await using place = await faultyStore()
    place.proxy.failRequests({
      when: (request) => request.method === 'PUT' && isManifest(request),
      with: 'lose-answer',
    })
    place.proxy.failRequests({
      when: (request) => isDelete(request) || (request.method === 'DELETE' && isManifest(request)),
      with: ACCESS_DENIED,
    })
    const error = await failedBackup(place.store)
    expect(error.details.leftBehind).toEqual([
      expect.stringMatching(/manifest\.json$/),
      expect.stringMatching(/dump\.pgc\.zst$/),
    ])
    expect((await place.keys()).toSorted()).toEqual(error.details.leftBehind!.toSorted())
  })
})

describe('an abort', () => {
  it('takes back a manifest whose answer has not come', async () => {
    await using place = await faultyStore()
    const controller = new AbortController()
    const reason = new Error('enough')
    place.proxy.failRequests({
      when: (request) => {
        const isIt = request.method === 'PUT' && isManifest(request)
        if (isIt) setImmediate(() => controller.abort(reason))
        return isIt
      },
      with: 'lose-answer',
    })
    await expect(
      createBackup({
        store: place.store,
        connection: connectionTo(server, 'app'),
        signal: controller.signal,
      }),
    ).rejects.toBe(reason)
    expect(await place.keys()).toEqual([])
  })
})
