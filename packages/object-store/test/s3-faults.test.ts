import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { startS3 } from '@ops/testbed'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { isObjectStoreError } from '../src/object-store-error.ts'
import type { ObjectStore } from '../src/object-store.ts'
import { s3Store } from '../src/s3-store.ts'
import type { S3StoreOptions } from '../src/s3-store.ts'
import { startS3Proxy } from './s3-proxy.ts'
import type { Fault, S3Proxy } from './s3-proxy.ts'

const MiB = 1024 * 1024
const small = randomBytes(50_000)
const large = randomBytes(11 * MiB)

const faults: readonly Fault[] = [
  { kind: 'reset before' },
  { kind: 'reset mid-body' },
  { kind: 'lost answer' },
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'answer', status: 200, code: 'InternalError' },
]
const faultName = (fault: Fault): string =>
  fault.kind === 'answer' ? `${fault.status} ${fault.code}` : fault.kind

describe('s3Store behind a network that fails', () => {
  let server: Awaited<ReturnType<typeof startS3>>
  let proxy: S3Proxy
  let client: S3Client
  let bucket: string
  beforeAll(async () => {
    server = await startS3({ mode: 'local' })
    bucket = await server.createBucket()
    proxy = await startS3Proxy(server.endpoint)
    const { accessKeyId, secretAccessKey, region } = server
    // one attempt: what is seen is this store's own trying again, not the SDK's
    client = new S3Client({
      endpoint: proxy.endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
      maxAttempts: 1,
    })
  })
  afterEach(() => {
    proxy.plan = () => undefined
    proxy.operations.length = 0
  })
  afterAll(async () => {
    client?.destroy()
    await proxy?.stop()
    await server?.stop()
  })

  const open = (options: Partial<S3StoreOptions> = {}): ObjectStore =>
    s3Store({ client, bucket, partSizeBytes: 5 * MiB, retryDelayMs: 1, maxAttempts: 3, ...options })
  /** Straight to the server, past the proxy. */
  const direct = (): ObjectStore => s3Store({ client: server.client, bucket })
  const read = async (options: Partial<S3StoreOptions> = {}, signal?: AbortSignal): Promise<Buffer> =>
    await buffer(await open(options).get('read', { signal }))
  const fail = (operation: string, fault: Fault, which: (nth: number) => boolean = () => true): void => {
    proxy.plan = (name, nth) => (name === operation && which(nth) ? fault : undefined)
  }
  const expectNothingLeft = async (key: string): Promise<void> => {
    expect(await direct().head(key)).toBeUndefined()
    // this server does not list uploads, so that an abort was sent has to do
    expect(proxy.operations).toSatisfy(
      (seen: string[]) => !seen.includes('UploadPart') || seen.includes('AbortMultipartUpload'),
    )
  }

  describe('one failure is got over', () => {
    const cases = [
      ['PutObject', small],
      ['CreateMultipartUpload', large],
      ['UploadPart', large],
      ['CompleteMultipartUpload', large],
      ['HeadObject', large],
    ] as const
    const table = cases.flatMap(([operation, body]) =>
      faults
        // a reset needs a body to reset in; only these operations answer an error with 200
        .filter(
          ({ kind }) => kind !== 'reset mid-body' || operation === 'PutObject' || operation === 'UploadPart',
        )
        .filter(
          (fault) => faultName(fault) !== '200 InternalError' || operation === 'CompleteMultipartUpload',
        )
        .map((fault) => ({ operation, fault, body, name: faultName(fault) })),
    )
    it.each(table)('$operation: $name', async ({ operation, fault, body }) => {
      fail(operation, fault, (nth) => nth === 1)
      const result = await open().put('object', Readable.from([body]))
      expect(result.sha256).toBe(createHash('sha256').update(body).digest('hex'))
      expect(proxy.operations.filter((name) => name === operation).length).toBeGreaterThan(1)
      expect(Buffer.compare(await buffer(await direct().get('object')), body)).toBe(0)
      await direct().delete(['object'])
    })
  })

  describe('a failure that stays is told by its code, and leaves nothing', () => {
    const table: readonly (readonly [string, Fault, Uint8Array, string])[] = [
      ['PutObject', { kind: 'answer', status: 403, code: 'AccessDenied' }, small, 'STORE_ACCESS_DENIED'],
      [
        'PutObject',
        { kind: 'answer', status: 403, code: 'InvalidAccessKeyId' },
        small,
        'STORE_BAD_CREDENTIALS',
      ],
      [
        'PutObject',
        { kind: 'answer', status: 403, code: 'SignatureDoesNotMatch' },
        small,
        'STORE_BAD_CREDENTIALS',
      ],
      ['PutObject', { kind: 'answer', status: 404, code: 'NoSuchBucket' }, small, 'STORE_NO_BUCKET'],
      ['PutObject', { kind: 'answer', status: 507, code: 'InsufficientStorage' }, small, 'STORE_FULL'],
      ['PutObject', { kind: 'answer', status: 413, code: 'EntityTooLarge' }, small, 'STORE_TOO_LARGE'],
      ['PutObject', { kind: 'answer', status: 500, code: 'InternalError' }, small, 'STORE_FAILED'],
      ['PutObject', { kind: 'reset mid-body' }, small, 'STORE_UNREACHABLE'],
      ['PutObject', { kind: 'lost answer' }, small, 'STORE_UNREACHABLE'],
      ['PutObject', { kind: 'no answer' }, small, 'STORE_STALLED'],
      ['PutObject', { kind: 'corrupt body' }, small, 'STORE_CHECKSUM_MISMATCH'],
      [
        'CreateMultipartUpload',
        { kind: 'answer', status: 403, code: 'AccessDenied' },
        large,
        'STORE_ACCESS_DENIED',
      ],
      ['CreateMultipartUpload', { kind: 'no answer' }, large, 'STORE_STALLED'],
      ['UploadPart', { kind: 'answer', status: 403, code: 'AccessDenied' }, large, 'STORE_ACCESS_DENIED'],
      ['UploadPart', { kind: 'answer', status: 503, code: 'SlowDown' }, large, 'STORE_FAILED'],
      ['UploadPart', { kind: 'reset mid-body' }, large, 'STORE_UNREACHABLE'],
      ['UploadPart', { kind: 'corrupt body' }, large, 'STORE_CHECKSUM_MISMATCH'],
      [
        'CompleteMultipartUpload',
        { kind: 'answer', status: 200, code: 'InternalError' },
        large,
        'STORE_FAILED',
      ],
      [
        'CompleteMultipartUpload',
        { kind: 'answer', status: 500, code: 'InternalError' },
        large,
        'STORE_FAILED',
      ],
      ['CompleteMultipartUpload', { kind: 'no answer' }, large, 'STORE_STALLED'],
    ]
    it.each(table)('%s: %o', async (operation, fault, body, code) => {
      // half way: the first part still arrives
      fail(operation, fault, (nth) => operation !== 'UploadPart' || nth > 1)
      const putting = open({
        maxAttempts: 2,
        stallTimeoutMs: fault.kind === 'no answer' ? 1000 : undefined,
      }).put('object', Readable.from([body]))
      const error = await putting.catch((error: unknown) => error)
      expect(isObjectStoreError(error)).toBe(true)
      expect(error).toMatchObject({ code, details: { key: 'object' } })
      expect(String(error)).toContain('object')
      await expectNothingLeft('object')
    })

    it('says what could not be removed when the store refuses that too', async () => {
      proxy.plan = (operation) =>
        operation === 'UploadPart' || operation === 'AbortMultipartUpload'
          ? { kind: 'answer', status: 403, code: 'AccessDenied' }
          : undefined
      await expect(open().put('object', Readable.from([large]))).rejects.toMatchObject({
        code: 'STORE_ACCESS_DENIED',
        details: { leftBehind: { key: 'object', uploadId: expect.any(String) } },
      })
    })

    it('tells a server that is not there', async () => {
      const nowhere = new S3Client({
        endpoint: 'http://127.0.0.1:1',
        region: 'x',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        maxAttempts: 1,
      })
      const store = open({ client: nowhere })
      await expect(store.head('object')).rejects.toMatchObject({
        code: 'STORE_UNREACHABLE',
        details: { errorName: 'ECONNREFUSED' },
      })
      nowhere.destroy()
    })
  })

  it('tells an upload that stands still half way, whatever the size of its parts', async () => {
    // Takes connections, and reads nothing from them.
    const standingStill = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(standingStill, 'listening')
    const { port } = standingStill.address() as AddressInfo
    const client = new S3Client({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'x',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      forcePathStyle: true,
      maxAttempts: 1,
    })
    // 64 MiB in one request: more than the system's buffers take.
    const stuck = open({ client, partSizeBytes: 65 * MiB, stallTimeoutMs: 500, maxAttempts: 1 })
    await expect(stuck.put('object', Buffer.alloc(64 * MiB))).rejects.toMatchObject({
      code: 'STORE_STALLED',
      message: expect.stringContaining('PutObject of "object" in s3://') as string,
    })
    client.destroy()
    standingStill.close()
  })

  it('never tries again after an abort', async () => {
    const stop = new AbortController()
    const reason = new Error('stop')
    proxy.plan = (operation) => {
      if (operation !== 'UploadPart') return undefined
      stop.abort(reason)
      return { kind: 'answer', status: 503, code: 'SlowDown' }
    }
    const store = open({ concurrency: 1, maxAttempts: 10, retryDelayMs: 10_000 })
    await expect(store.put('object', Readable.from([large]), { signal: stop.signal })).rejects.toBe(reason)
    expect(proxy.operations.filter((name) => name === 'UploadPart')).toHaveLength(1)
    await expectNothingLeft('object')
  })

  it('removes a small object that landed although its put was aborted', async () => {
    const stop = new AbortController()
    const reason = new Error('stop')
    proxy.plan = (operation) => {
      if (operation === 'PutObject') setTimeout(() => stop.abort(reason), 20)
      return operation === 'PutObject' ? { kind: 'delay', ms: 150 } : undefined
    }
    await expect(open().put('object', small, { signal: stop.signal })).rejects.toBe(reason)
    expect(proxy.operations).toContain('DeleteObject')
    await expectNothingLeft('object')
  })

  it('reads no more of the body than it has buffers for', async () => {
    proxy.plan = (operation) => (operation === 'UploadPart' ? { kind: 'delay', ms: 40 } : undefined)
    let read = 0
    let stored = 0
    let most = 0
    async function* body(): AsyncGenerator<Uint8Array> {
      for (; read < 60 * MiB; read += 512 * 1024) {
        most = Math.max(most, read - stored)
        yield Buffer.alloc(512 * 1024)
      }
    }
    await open({ concurrency: 2 }).put('object', body(), { onProgress: (bytes) => (stored = bytes) })
    expect(most).toBeGreaterThan(2 * 5 * MiB)
    expect(most).toBeLessThanOrEqual(3 * 5 * MiB + 512 * 1024)
    await direct().delete(['object'])
  })

  it('refuses a body with more parts than the store takes', async () => {
    await expect(open({ maxParts: 2 }).put('object', Readable.from([large]))).rejects.toMatchObject({
      code: 'STORE_TOO_LARGE',
    })
    await expectNothingLeft('object')
  })

  describe('get', () => {
    it.each([
      ['is cut off', { kind: 'truncate answer', afterBytes: 3 * MiB }, 'STORE_TRUNCATED'],
      ['falls silent', { kind: 'stall answer', afterBytes: 3 * MiB }, 'STORE_STALLED'],
    ] as const)('fails when the answer %s', async (_name, fault, code) => {
      await direct().put('read', large)
      fail('GetObject', fault)
      await expect(
        read({ stallTimeoutMs: fault.kind === 'stall answer' ? 2000 : undefined }),
      ).rejects.toMatchObject({ code, details: { key: 'read' } })
    })

    it('ends with the reason of an abort half way', async () => {
      await direct().put('read', large)
      fail('GetObject', { kind: 'stall answer', afterBytes: 3 * MiB })
      const stop = new AbortController()
      const reason = new Error('enough')
      const reading = read({}, stop.signal)
      setTimeout(() => stop.abort(reason), 500)
      await expect(reading).rejects.toBe(reason)
    })
  })

  it('gives each key of a failed batch its result', async () => {
    fail('DeleteObjects', { kind: 'answer', status: 403, code: 'AccessDenied' })
    const results = await open().delete(['one', 'two'])
    expect(results).toMatchObject([
      { key: 'one', deleted: false, code: 'STORE_ACCESS_DENIED' },
      { key: 'two', deleted: false, code: 'STORE_ACCESS_DENIED' },
    ])
  })
})
