import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a connection ends: orderly (FIN), or as by a crash or a firewall (RST). */
export type CutStyle = 'close' | 'reset'
export type Direction = 'to-target' | 'to-client'

export interface Cut {
  readonly afterBytes: number
  readonly direction: Direction
  /** @default 'reset' */
  readonly style?: CutStyle
}

/** The faults that hold at this moment, for all connections of a proxy. */
export interface FaultState {
  delayMs: number
  bytesPerSecond: number
  refuses: boolean
  /** With the bytes that went through each connection since the cut was asked for. */
  cut: (Cut & { readonly passed: WeakMap<Link, number> }) | undefined
  /** Pending while the proxy is stalled. */
  readonly flowing: () => Promise<void>
  readonly stall: () => void
  readonly heal: () => void
}

/** A connection through the proxy. */
export interface Link {
  sever(style: CutStyle): void
  readonly closed: Promise<void>
}

// Throttled bytes go on in slices of this part of a second.
const SLICES_PER_SECOND = 20

export function createFaultState(): FaultState {
  let gate: PromiseWithResolvers<void> | undefined
  const state: FaultState = {
    delayMs: 0,
    bytesPerSecond: Infinity,
    refuses: false,
    cut: undefined,
    flowing: async () => await gate?.promise,
    stall: () => {
      gate ??= Promise.withResolvers()
    },
    heal: () => {
      Object.assign(state, { delayMs: 0, bytesPerSecond: Infinity, refuses: false, cut: undefined })
      gate?.resolve()
      gate = undefined
    },
  }
  return state
}

/** Joins two sockets, with the faults of `state` in between. */
export function link(client: Socket, target: Socket, state: FaultState): Link {
  const sockets = [client, target]
  const sever = (style: CutStyle): void => {
    for (const socket of sockets) {
      if (style === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
  }
  const closed = Promise.all(
    sockets.map(
      async (socket) =>
        await new Promise<void>((resolve) => {
          socket.once('close', () => resolve())
        }),
    ),
  ).then(() => undefined)
  const self: Link = { sever, closed }
  for (const socket of sockets) {
    socket.setNoDelay(true)
    // What happens to one side happens to the other.
    socket.on('error', () => sever('reset'))
  }
  void pump(client, target, 'to-target', state, self)
  void pump(target, client, 'to-client', state, self)
  return self
}

async function pump(
  from: Socket,
  to: Socket,
  direction: Direction,
  state: FaultState,
  self: Link,
): Promise<void> {
  try {
    const chunks: AsyncIterable<Buffer> = from.iterator({ destroyOnReturn: false })
    for await (const chunk of chunks) {
      await sleepUnlessZero(state.delayMs)
      await pass(chunk, to, direction, state, self)
      if (to.destroyed) return
    }
    await state.flowing()
    to.end()
  } catch {
    // The socket broke off; its 'error' listener has ended the other side too.
  }
}

/** Sends one chunk on: whole, slice by slice when throttled, or only its part before a cut. */
async function pass(
  chunk: Buffer,
  to: Socket,
  direction: Direction,
  state: FaultState,
  self: Link,
): Promise<void> {
  for (let at = 0; at < chunk.length && !to.destroyed;) {
    await state.flowing()
    const { cut, bytesPerSecond } = state
    const sliceBytes = Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND))
    const passed = cut?.passed.get(self) ?? 0
    const isCutHere = cut !== undefined && cut.direction === direction
    const allowed = isCutHere ? cut.afterBytes - passed : Infinity
    const slice = chunk.subarray(at, at + Math.min(sliceBytes, allowed))
    if (slice.length > 0) await write(to, slice)
    at += slice.length
    if (isCutHere) cut.passed.set(self, passed + slice.length)
    if (slice.length >= allowed) self.sever(cut?.style ?? 'reset')
    else await sleepUnlessZero(Number.isFinite(bytesPerSecond) ? (slice.length / bytesPerSecond) * 1000 : 0)
  }
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    to.write(bytes, () => resolve())
  })
}

async function sleepUnlessZero(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds)
}
