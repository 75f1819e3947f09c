import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { startDeadline } from './deadline.ts'
import { dial, type Dial, type DialOrder, type DialResult } from './dial.ts'
import type { Answers, Request } from './handshake-worker.ts'
import { createTlsContext, type TlsSettingsOptions } from './tls-context.ts'

/** So many handshakes under way are enough for one thread; for fewer, starting another does not pay. */
const ENOUGH_FOR_ONE = 32
/** With the caller's own, where all but the handshakes stays. */
const MAX_THREADS = Math.min(availableParallelism(), 4)
const IDLE_MS = 10_000

const WORKER = new URL(
  `./handshake-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
)

interface Thread {
  /** Orders that it has not answered yet. */
  pending(): number
  readonly dial: Dial
}

/**
 * Most of what a probe costs is the handshake, and one thread does little more than a thousand in a
 * second. Each order goes to the thread that has the fewest; others than the caller's own are started
 * when there is enough to do for them.
 */
export function createHandshakeThreads(options: TlsSettingsOptions): Dial {
  const own = ownThread(options)
  const threads = new Set([own])
  let limit = MAX_THREADS
  // Where one cannot be started, as under Node's permission model, or where the package was bundled into
  // one file, the next would fare no better.
  const startAnother = (): Thread | undefined => {
    try {
      const thread = startThread(options, own, (ended, error) => {
        threads.delete(ended)
        if (error !== undefined) limit = 1
      })
      threads.add(thread)
      return thread
    } catch {
      limit = 1
      return undefined
    }
  }
  return (order, signal) => {
    let least = own
    for (const thread of threads) if (thread.pending() < least.pending()) least = thread
    if (least.pending() >= ENOUGH_FOR_ONE && threads.size < limit) least = startAnother() ?? least
    return least.dial(order, signal)
  }
}

function ownThread(options: TlsSettingsOptions): Thread {
  const context = createTlsContext(options)
  let pending = 0
  return {
    pending: () => pending,
    dial: async (order, signal) => {
      const deadline = startDeadline(order.timeoutMs, signal)
      pending += 1
      try {
        return await dial(order, context, deadline)
      } finally {
        deadline.release()
        pending -= 1
      }
    },
  }
}

interface Pending {
  readonly order: DialOrder
  readonly signal: AbortSignal | undefined
  readonly settle: (result: DialResult | Promise<DialResult>) => void
}

/** What a thread leaves undone when it ends, or cannot be started at all, falls back to `own`. */
function startThread(
  options: TlsSettingsOptions,
  own: Thread,
  onEnd: (thread: Thread, error?: Error) => void,
): Thread {
  const pending = new Map<number, Pending>()
  const worker = new Worker(WORKER, { workerData: options, name: 'cert-probe', execArgv: [] })
  let lastId = 0
  let requests: Request[] = []
  let idleTimer: NodeJS.Timeout | undefined

  const tell = (request: Request): void => {
    if (requests.push(request) > 1) return
    queueMicrotask(() => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage(requests)
      requests = []
    })
  }
  const end = (): void => {
    onEnd(thread)
    void worker.terminate()
  }
  worker.on('message', ({ answers, isIdle }: Answers) => {
    for (const { id, result, error } of answers)
      pending.get(id)?.settle(result === undefined ? Promise.reject(error) : revive(result))
    if (!isIdle || pending.size > 0) return
    worker.unref()
    clearTimeout(idleTimer)
    idleTimer = setTimeout(end, IDLE_MS).unref()
  })
  worker.once('error', (error) => onEnd(thread, error))
  worker.once('exit', () => {
    onEnd(thread)
    for (const { order, signal, settle } of pending.values()) settle(own.dial(order, signal))
  })
  const thread: Thread = {
    pending: () => pending.size,
    dial: (order, signal) => {
      signal?.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<DialResult>()
      const id = (lastId += 1)
      const onAbort = (): void => {
        tell({ id })
        pending.get(id)?.settle(Promise.reject(signal!.reason as Error))
      }
      const settle: Pending['settle'] = (result) => {
        pending.delete(id)
        signal?.removeEventListener('abort', onAbort)
        resolve(result)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      pending.set(id, { order, signal, settle })
      clearTimeout(idleTimer)
      worker.ref()
      tell({ id, order })
      return promise
    },
  }
  return thread
}

/** Buffers arrive as plain arrays of octets. */
function revive(result: DialResult): DialResult {
  if (result.handshake === undefined) return result
  const { chain, ocspResponse, ...rest } = result.handshake
  const handshake = {
    ...rest,
    chain: chain.map(toBuffer),
    ...(ocspResponse === undefined ? {} : { ocspResponse: toBuffer(ocspResponse) }),
  }
  return { ...result, handshake }
}

function toBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length)
}
