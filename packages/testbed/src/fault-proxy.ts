import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { startRequestFaults, type RequestFault, type SeenRequest } from './fault-requests.ts'
import { createFaultState, link, type Cut, type CutStyle, type Link } from './fault-link.ts'
import { listenOnLoopback } from './listen.ts'

export interface FaultProxyOptions {
  /**
   * Where whole connections go to. With an `http://` URL the proxy reads requests as well, so that
   * single requests can fail.
   */
  readonly target: string | { readonly host: string; readonly port: number }
}

/**
 * A TCP proxy on 127.0.0.1 that spoils connections on demand. Without faults it is transparent.
 * Each fault holds from the call on, for the connections that are open too, until `heal`.
 */
export interface FaultProxy {
  readonly host: string
  readonly port: number
  /** `http://host:port`, to put in the place of an S3 server's endpoint. */
  readonly endpoint: string
  /** How many connections are open at this moment. */
  readonly connections: number
  /** Every request that arrived, oldest first; empty for a target that is not an `http://` URL. */
  readonly requests: readonly SeenRequest[]
  /** Holds each chunk (64 KiB at most) up for so long, in both directions. */
  delay(milliseconds: number): void
  /** Lets so many bytes per second through, for each connection and direction. */
  throttle(bytesPerSecond: number): void
  /** Lets nothing through, and keeps the connections open. */
  stall(): void
  /** Ends each connection when so many more bytes have gone through it in one direction. */
  cut(cut: Cut): void
  /** Resets new connections as soon as they are accepted. */
  refuse(): void
  /** Ends every open connection now; new ones are accepted. */
  sever(style?: CutStyle): void
  /** Fails chosen requests. Needs an `http://` target. */
  failRequests(fault: RequestFault): void
  /** Takes every fault back, and lets stalled connections go on. */
  heal(): void
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a fault proxy in front of `target`. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target } = options
  const requestFaults = typeof target === 'string' ? await startRequestFaults(new URL(target)) : undefined
  const upstream = typeof target === 'string' ? { host: '127.0.0.1', port: requestFaults?.port ?? 0 } : target
  const state = createFaultState()
  const links = new Set<Link>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (state.refuses) {
      client.resetAndDestroy()
      return
    }
    const opened = link(
      client,
      connect({ host: upstream.host, port: upstream.port, allowHalfOpen: true }),
      state,
    )
    links.add(opened)
    void opened.closed.then(() => links.delete(opened))
  })
  const port = await listenOnLoopback(server)
  const sever = (style: CutStyle = 'close'): void => {
    for (const each of links) each.sever(style)
  }
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    state.heal()
    sever('reset')
    await closed
    await requestFaults?.stop()
  }
  return {
    host: '127.0.0.1',
    port,
    endpoint: `http://127.0.0.1:${port}`,
    get connections() {
      return links.size
    },
    get requests() {
      return requestFaults?.seen ?? []
    },
    delay: (milliseconds) => {
      state.delayMs = milliseconds
    },
    throttle: (bytesPerSecond) => {
      state.bytesPerSecond = bytesPerSecond
    },
    stall: () => state.stall(),
    cut: (cut) => {
      state.cut = { ...cut, passed: new WeakMap() }
    },
    refuse: () => {
      state.refuses = true
    },
    sever,
    failRequests: (fault) => {
      if (requestFaults === undefined) throw new Error('requests can only fail with an http:// URL as target')
      requestFaults.faults.push({ ...fault, left: fault.times ?? Infinity })
    },
    heal: () => {
      state.heal()
      requestFaults?.faults.splice(0)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
