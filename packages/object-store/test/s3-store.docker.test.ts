import { S3Client } from '@aws-sdk/client-s3'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { startS3 } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { s3Store } from '../src/s3-store.ts'
import { describeObjectStore } from './contract.ts'
import { startS3Proxy } from './s3-proxy.ts'

type Server = Awaited<ReturnType<typeof startS3>>

let server: Server
beforeAll(async () => {
  server = await startS3({ mode: 'container' })
})
afterAll(async () => {
  await server?.stop()
})

function clientOf(
  { region, accessKeyId, secretAccessKey, endpoint }: Server,
  config: S3ClientConfig,
): S3Client {
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, ...config })
}

const clients: readonly (readonly [string, S3ClientConfig])[] = [
  ["the SDK's default checksums", {}],
  [
    'no checksums of the SDK',
    { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
  ],
]

for (const [name, config] of clients) {
  describeObjectStore(`s3Store on Ceph with ${name}`, async () => {
    const client = clientOf(server, config)
    const bucket = await server.createBucket()
    return {
      store: s3Store({ client, bucket, prefix: 'some/where', partSizeBytes: 5 * 1024 * 1024 }),
      conditionalPut: true,
      pendingUploads: true,
      listsAsS3: true,
      close: async () => client.destroy(),
    }
  })
}

describe('s3Store on Ceph', () => {
  it('knows that it has won though the answer got lost', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const client = clientOf(server, { endpoint: proxy.endpoint, maxAttempts: 1 })
    const store = s3Store({ client, bucket: await server.createBucket() })
    await store.capabilities()
    proxy.operations.length = 0
    proxy.plan = (operation, nth) =>
      operation === 'PutObject' && nth === 1 ? { kind: 'lost answer' } : undefined
    expect(await store.putIfAbsent('claim', Buffer.from('mine'))).toBe(true)
    expect(proxy.operations).toEqual(['PutObject', 'PutObject', 'HeadObject'])
    expect(await store.putIfAbsent('claim', Buffer.from('yours'))).toBe(false)
    client.destroy()
    await proxy.stop()
  })

  it('tells a wrong secret, a wrong key and a missing bucket apart', async () => {
    const { accessKeyId, secretAccessKey } = server
    const bucket = await server.createBucket()
    const outcome = async (config: S3ClientConfig, bucket: string): Promise<unknown> => {
      const client = clientOf(server, config)
      const error = await s3Store({ client, bucket })
        .get('x')
        .catch((error: unknown) => error)
      client.destroy()
      return error
    }
    expect(await outcome({ credentials: { accessKeyId, secretAccessKey: 'wrong' } }, bucket)).toMatchObject({
      code: 'STORE_BAD_CREDENTIALS',
    })
    expect(await outcome({ credentials: { accessKeyId: 'nobody', secretAccessKey } }, bucket)).toMatchObject({
      code: 'STORE_BAD_CREDENTIALS',
    })
    expect(await outcome({}, 'no-such-bucket')).toMatchObject({ code: 'STORE_NO_BUCKET' })
    expect(await outcome({}, bucket)).toMatchObject({ code: 'STORE_NOT_FOUND' })
  })

  it('uncovers the older version when a put over it fails at its end', async () => {
    const proxy = await startS3Proxy(server.endpoint)
    const client = clientOf(server, { endpoint: proxy.endpoint, maxAttempts: 1 })
    const store = s3Store({
      client,
      bucket: await server.createBucket({ versioning: true }),
      retryDelayMs: 1,
    })
    await store.put('object', Buffer.from('older'))
    const stop = new AbortController()
    const reason = new Error('stop')
    proxy.plan = (operation) => {
      if (operation === 'PutObject') setTimeout(() => stop.abort(reason), 20)
      return operation === 'PutObject' ? { kind: 'delay', ms: 200 } : undefined
    }
    await expect(store.put('object', Buffer.from('newer'), { signal: stop.signal })).rejects.toBe(reason)
    expect(await store.head('object')).toMatchObject({ size: 5 })
    expect(String(Buffer.concat(await (await store.get('object')).toArray()))).toBe('older')
    client.destroy()
    await proxy.stop()
  })
})
