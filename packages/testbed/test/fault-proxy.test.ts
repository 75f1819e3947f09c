import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ACCESS_DENIED,
  findPostgres,
  needs,
  SLOW_DOWN,
  startFaultProxy,
  startPostgres,
  startS3,
  type FaultProxy,
  type S3Server,
} from '../src/index.ts'

/** A server that sends every byte back. */
async function startEcho(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, server }
}

/** Sends the bytes through the proxy and returns how many come back, and how the connection ended. */
async function exchange(proxy: FaultProxy, bytes: Buffer): Promise<{ received: Buffer; ending: string }> {
  const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true })
  const parts: Buffer[] = []
  socket.on('data', (part) => parts.push(part))
  const ending = new Promise<string>((resolve) => {
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    socket.once('end', () => resolve('end'))
  })
  socket.end(bytes)
  return { ending: await ending, received: Buffer.concat(parts) }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function nextByte(socket: Socket): Promise<string> {
  const [bytes]: unknown[] = await once(socket, 'data')
  return String(bytes)
}

describe('a fault proxy before a TCP server', () => {
  let echo: Awaited<ReturnType<typeof startEcho>>
  beforeAll(async () => {
    echo = await startEcho()
  })
  afterAll(() => {
    echo.server.close()
  })
  const start = async (): Promise<FaultProxy> =>
    await startFaultProxy({ target: { host: '127.0.0.1', port: echo.port } })

  it('is transparent without faults, for large streams and half-closed connections too', async () => {
    await using proxy = await start()
    const bytes = randomBytes(8 * 1024 * 1024)
    const { received, ending } = await exchange(proxy, bytes)
    expect(ending).toBe('end')
    expect(sha256(received)).toBe(sha256(bytes))
    await expect.poll(() => proxy.connections).toBe(0)
  })

  it.each([
    ['close', 'end'],
    ['reset', 'ECONNRESET'],
  ] as const)('cuts the answer after so many bytes, in the style %s', async (style, expected) => {
    await using proxy = await start()
    proxy.cut({ afterBytes: 1000, direction: 'to-client', style })
    const { received, ending } = await exchange(proxy, randomBytes(5000))
    expect(ending).toBe(expected)
    // A reset may overtake what is still on its way; more than was let through never arrives.
    expect(received.length).toBeLessThanOrEqual(1000)
    expect(received.length).toBeGreaterThanOrEqual(style === 'close' ? 1000 : 0)
    proxy.heal()
    expect((await exchange(proxy, randomBytes(5000))).received).toHaveLength(5000)
  })

  it('cuts what is sent, and counts only what comes after the call', async () => {
    await using proxy = await start()
    const arrived: string[] = []
    echo.server.once('connection', (socket: Socket) =>
      socket.on('data', (bytes) => arrived.push(String(bytes))),
    )
    const socket = connect({ host: proxy.host, port: proxy.port })
    socket.on('error', () => undefined)
    const closed = once(socket, 'close')
    socket.write('before ')
    expect(await nextByte(socket)).toBe('before ')
    proxy.cut({ afterBytes: 5, direction: 'to-target', style: 'close' })
    socket.write('after the cut')
    await closed
    await expect.poll(() => arrived.join('')).toBe('before after')
  })

  it('stalls without ending anything, and goes on when healed', async () => {
    await using proxy = await start()
    const socket = connect({ host: proxy.host, port: proxy.port })
    proxy.stall()
    socket.write('x')
    const answer = nextByte(socket)
    const winner = await Promise.race([
      answer,
      new Promise<string>((resolve) => setTimeout(resolve, 150, 'silence')),
    ])
    expect(winner).toBe('silence')
    expect(proxy.connections).toBe(1)
    proxy.heal()
    expect(await answer).toBe('x')
    socket.destroy()
  })

  it('delays and throttles', async () => {
    await using proxy = await start()
    const timed = async (bytes: number): Promise<number> => {
      const startedAt = performance.now()
      expect((await exchange(proxy, Buffer.alloc(bytes))).received).toHaveLength(bytes)
      return performance.now() - startedAt
    }
    proxy.delay(100)
    expect(await timed(1)).toBeGreaterThanOrEqual(199)
    proxy.heal()
    proxy.throttle(100_000)
    // Both directions flow at the same time; the last slice's pause is not waited for.
    expect(await timed(30_000)).toBeGreaterThanOrEqual(240)
  })

  it('severs what is open and refuses what is new', async () => {
    await using proxy = await start()
    const socket = connect({ host: proxy.host, port: proxy.port })
    socket.write('x')
    await nextByte(socket)
    const ended = once(socket, 'close')
    proxy.sever('close')
    await ended
    expect((await exchange(proxy, Buffer.from('new'))).received.toString()).toBe('new')
    proxy.refuse()
    expect((await exchange(proxy, Buffer.from('x'))).received).toHaveLength(0)
  })

  it('stops while connections hang', async () => {
    const proxy = await start()
    const socket = connect({ host: proxy.host, port: proxy.port })
    proxy.stall()
    const ended = once(socket, 'close').catch(() => 'reset')
    socket.write('x')
    await expect.poll(() => proxy.connections).toBe(1)
    await proxy.stop()
    await ended
  })

  it('says that requests need an http:// target', async () => {
    await using proxy = await start()
    expect(() => proxy.failRequests({ when: () => true, with: SLOW_DOWN })).toThrow(/http:\/\//)
  })
})

describe('a fault proxy before PostgreSQL', () => {
  it('breaks a query in the middle of its result', async (context) => {
    needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed')
    await using postgres = await startPostgres()
    await using proxy = await startFaultProxy({ target: postgres })
    const { user, password } = postgres
    const client = new Client({ host: proxy.host, port: proxy.port, user, password, database: 'postgres' })
    client.on('error', () => undefined)
    await client.connect()
    proxy.cut({ afterBytes: 10_000, direction: 'to-client' })
    await expect(client.query("select repeat('x', 1000) from generate_series(1, 1000)")).rejects.toThrow(
      /ECONNRESET|Connection terminated/,
    )
  })
})

describe('a fault proxy before S3', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3({ mode: 'local' })
  })
  afterAll(async () => await s3.stop())

  async function startClient(): Promise<{ proxy: FaultProxy; client: S3Client; Bucket: string }> {
    const proxy = await startFaultProxy({ target: s3.endpoint })
    const { accessKeyId, secretAccessKey, region } = s3
    const credentials = { accessKeyId, secretAccessKey }
    const client = new S3Client({
      endpoint: proxy.endpoint,
      region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
    })
    return { proxy, client, Bucket: await s3.createBucket() }
  }

  it('passes requests on unchanged, and shows which', async () => {
    const { proxy, client, Bucket } = await startClient()
    const Body = randomBytes(3 * 1024 * 1024)
    await client.send(new PutObjectCommand({ Bucket, Key: 'a b', Body }))
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a b' }))
    expect(sha256((await got.Body?.transformToByteArray()) ?? new Uint8Array())).toBe(sha256(Body))
    expect(
      proxy.requests.map(({ method, path, number }) => `${number} ${method} ${path.split('?')[0]}`),
    ).toEqual([`1 PUT /${Bucket}/a%20b`, `2 GET /${Bucket}/a%20b`])
    client.destroy()
    await proxy.stop()
  })

  it('answers chosen requests with errors, so often as asked', async () => {
    const { proxy, client, Bucket } = await startClient()
    const put = (Key: string): Promise<unknown> =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
    proxy.failRequests({ when: ({ method }) => method === 'PUT', with: SLOW_DOWN, times: 2 })
    proxy.failRequests({ when: ({ path }) => path.includes('secret'), with: ACCESS_DENIED })
    await expect(put('a')).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })
    await expect(put('a')).rejects.toMatchObject({ name: 'SlowDown' })
    await put('a')
    await expect(put('secret')).rejects.toMatchObject({ name: 'AccessDenied' })
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'secret' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    })
    proxy.heal()
    await put('secret')
    client.destroy()
    await proxy.stop()
  })

  it('loses the answer to a request that took effect', async () => {
    const { proxy, client, Bucket } = await startClient()
    proxy.failRequests({ when: ({ method }) => method === 'PUT', with: 'lose-answer', times: 1 })
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }))).rejects.toThrow(
      /ECONNRESET|socket hang up/,
    )
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a' }))
    expect(await got.Body?.transformToString()).toBe('x')
    client.destroy()
    await proxy.stop()
  })

  it('cuts an upload in the middle of its body', async () => {
    const { proxy, client, Bucket } = await startClient()
    proxy.cut({ afterBytes: 200_000, direction: 'to-target' })
    const Body = randomBytes(1024 * 1024)
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body }))).rejects.toThrow(
      /ECONNRESET|EPIPE|socket hang up/,
    )
    proxy.heal()
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'a' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    })
    client.destroy()
    await proxy.stop()
  })
})
