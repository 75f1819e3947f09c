import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { createServer as createTlsServer } from 'node:tls'
import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import type { Answers } from '../src/handshake-worker.ts'
import { probeMany } from '../src/probe-many.ts'
import { createTlsSettings } from '../src/tls-settings.ts'
import { createTrustStore } from '../src/trust.ts'
import { issue } from './pki.ts'

const MANY = 100
/** Nothing here is to end by its own deadline. */
const timeoutMs = 600_000
const root = issue({ subject: [['CN', 'Root']], ca: true })
const leaf = issue({ subject: [['CN', 'localhost']], issuer: root, ips: ['127.0.0.1'] })
const trust = createTrustStore({ caPem: root.pem })

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Lets nobody in before `count` wait at the gate; what becomes of their connections is in `ended`. */
async function gatedServer(count: number): Promise<{ target: string; ended: Promise<boolean>[] }> {
  const tls = createTlsServer({ key: leaf.keyPem, cert: leaf.pem }, (socket) =>
    socket.on('error', () => undefined).resume(),
  )
  tls.on('tlsClientError', () => undefined)
  const sockets: Socket[] = []
  const ended: Promise<boolean>[] = []
  const gate = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined)
    cleanups.push(() => socket.destroy())
    ended.push(new Promise((end) => socket.once('close', (hadError) => end(!hadError))))
    sockets.push(socket)
    if (ended.length < count) return
    for (const each of sockets.splice(0)) tls.emit('connection', each)
  })
  return { target: await listen(gate), ended }
}

async function hangingServer(): Promise<{ target: string; closed: () => number; connected: () => number }> {
  let [connected, closed] = [0, 0]
  const server = createServer((socket) => {
    connected += 1
    cleanups.push(() => socket.destroy())
    socket.on('error', () => undefined).resume()
    socket.once('close', () => (closed += 1))
  })
  return { target: await listen(server), closed: () => closed, connected: () => connected }
}

/** For each thread that is started, how many orders it has answered. */
function watchWorkers(onWorker: (worker: Worker) => void = () => undefined): { answered: number }[] {
  const started: { answered: number }[] = []
  const onStart = (worker: Worker): void => {
    const seen = { answered: 0 }
    started.push(seen)
    worker.on('message', ({ answers }: Answers) => (seen.answered += answers.length))
    onWorker(worker)
  }
  process.on('worker', onStart)
  cleanups.push(() => process.off('worker', onStart))
  return started
}

const hasMoreCores = availableParallelism() > 1
const ONE_CORE = 'on one core no other thread is started'

describe('many handshakes at once', () => {
  it('are spread over threads, and every connection is closed as the protocol wants it', async () => {
    const workers = watchWorkers()
    const { target, ended } = await gatedServer(MANY)
    const targets = Array.from({ length: MANY }, () => target)
    const reports = await probeMany(targets, { trust, timeoutMs })
    expect(reports.map(({ endpoints }) => endpoints[0]!.verdict?.isTrusted)).toEqual(targets.map(() => true))
    expect(new Set(reports.map((report) => JSON.stringify(report.endpoints[0]!.chain))).size).toBe(1)
    expect(await Promise.all(ended)).toEqual(targets.map(() => true))
    expect(workers.length).toBe(Math.min(availableParallelism(), 4) - 1)
    for (const { answered } of workers) expect(answered).toBeGreaterThan(0)
  })

  it('start no thread when there are few of them', async () => {
    const workers = watchWorkers()
    const { target } = await gatedServer(30)
    const reports = await probeMany(
      Array.from({ length: 30 }, () => target),
      { trust, timeoutMs },
    )
    expect(reports).toHaveLength(30)
    expect(workers).toEqual([])
  })

  it('are given up when the caller is, on every thread', async () => {
    const { target, connected, closed } = await hangingServer()
    const controller = new AbortController()
    const probing = probeMany(
      Array.from({ length: MANY }, () => target),
      { trust, timeoutMs, signal: controller.signal },
    )
    await expect.poll(connected, { timeout: 60_000 }).toBe(MANY)
    controller.abort(new Error('enough'))
    await expect(probing).rejects.toThrow('enough')
    await expect.poll(closed, { timeout: 60_000 }).toBe(MANY)
  })

  it('do not wait for those that hang', async () => {
    const hanging = await hangingServer()
    const { target: good } = await gatedServer(1)
    const controller = new AbortController()
    const seen: string[] = []
    const targets = [...Array.from({ length: MANY - 1 }, () => hanging.target), good]
    const probing = probeMany(targets, {
      trust,
      timeoutMs,
      signal: controller.signal,
      onReport: (report) => {
        seen.push(report.target)
        controller.abort()
      },
    })
    await expect(probing).rejects.toThrow('aborted')
    expect(seen).toEqual([good])
  })

  it('are taken over from a thread that ends', async ({ skip }) => {
    if (!hasMoreCores) skip(ONE_CORE)
    const workers = watchWorkers((worker) => void worker.terminate())
    const { target } = await gatedServer(1)
    const reports = await probeMany(
      Array.from({ length: MANY }, () => target),
      { trust, timeoutMs },
    )
    expect(workers.length).toBeGreaterThan(0)
    expect(reports.every(({ endpoints }) => endpoints[0]!.verdict?.isTrusted === true)).toBe(true)
  })

  it('report the deadline of each, whichever thread it is on', async ({ skip }) => {
    if (!hasMoreCores) skip(ONE_CORE)
    const { target } = await hangingServer()
    const tls = createTlsSettings()
    const reports = await probeMany(
      Array.from({ length: MANY }, () => target),
      { trust, tls, timeoutMs: 1500 },
    )
    expect(new Set(reports.map(({ endpoints }) => endpoints[0]!.failure?.code))).toEqual(new Set(['timeout']))
  })
})
