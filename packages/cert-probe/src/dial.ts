import type { Socket } from 'node:net'
import { connect } from './connect.ts'
import type { Deadline } from './deadline.ts'
import { ProbeFailure, type Failure, type Phase } from './failure.ts'
import { shakeHands, type Handshake } from './handshake.ts'
import type { Timings } from './report.ts'
import { startTls, type StartTlsProtocol } from './starttls.ts'
import type { TlsContext } from './tls-context.ts'

/** One address to connect to: plain data, so that another thread can do it. */
export interface DialOrder {
  /** A host as an address, or a Unix socket. */
  readonly where: { readonly host: string; readonly port: number } | { readonly path: string }
  /** For people. */
  readonly location: string
  /** What to say before TLS begins. */
  readonly startTls?: StartTlsProtocol
  /** The name to ask for (SNI). */
  readonly sni?: string
  /** From connecting to the end of the handshake. */
  readonly timeoutMs: number
}

/** What came of it, plain data too: a handshake, or why there was none. */
export interface DialResult {
  /** There once TLS has begun; it may have a failure of its own. */
  readonly handshake?: Handshake
  /** Why it did not come so far. */
  readonly failure?: Failure
  /** How long each phase took. */
  readonly timings: Pick<Timings, 'connectMs' | 'startTlsMs' | 'tlsMs'>
}

/** Carries out an order; rejects with the signal's reason once that is aborted. */
export type Dial = (order: DialOrder, signal?: AbortSignal) => Promise<DialResult>

/**
 * Connects, changes to TLS and shakes hands, on this thread. Rejects if the deadline is aborted before
 * its time. `onConnected` sees the socket.
 */
export async function dial(
  order: DialOrder,
  context: TlsContext,
  deadline: Deadline,
  onConnected?: (socket: Socket) => void,
): Promise<DialResult> {
  const { signal } = deadline
  const timings: { -readonly [Key in keyof DialResult['timings']]: number } = {}
  let phase: Phase = 'connect'
  const timed = async <Value>(name: keyof typeof timings, work: () => Promise<Value>): Promise<Value> => {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      timings[name] = millisecondsSince(startedAt)
    }
  }
  let socket: Socket | undefined
  try {
    const connected = await timed('connectMs', () => connect(order.where, order.location, signal))
    socket = connected
    onConnected?.(connected)
    if (order.startTls !== undefined) {
      phase = 'starttls'
      await timed('startTlsMs', () => startTls(connected, order.startTls!, signal))
    }
    phase = 'tls'
    const handshake = await timed('tlsMs', () => shakeHands(connected, order.sni, context, signal))
    if (!deadline.isExpired()) signal.throwIfAborted()
    return { handshake, timings }
  } catch (error) {
    socket?.destroy()
    return { failure: toFailure(error, phase, deadline).failure, timings }
  }
}

/** What a report can carry of an error, or the error itself if that is no fault of a peer. */
export function toFailure(error: unknown, phase: Phase, deadline: Deadline): ProbeFailure {
  if (error instanceof ProbeFailure) return error
  if (!deadline.isExpired()) throw error
  return new ProbeFailure(phase, 'timeout', `${DOING[phase]} was ${(error as Error).message}`, error)
}

const DOING: Readonly<Record<Phase, string>> = {
  resolve: 'resolving the name',
  connect: 'connecting',
  starttls: 'asking for TLS',
  tls: 'the TLS handshake',
  read: 'reading',
}

export function millisecondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 1000) / 1000
}
