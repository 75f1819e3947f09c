// A thread that shakes hands for another, see handshake-threads.ts.
import type { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { startDeadline, type Deadline } from './deadline.ts'
import { dial, type DialOrder, type DialResult } from './dial.ts'
import { createTlsContext, type TlsSettingsOptions } from './tls-context.ts'

/** An order, or without one that the order of this number is given up. */
export interface Request {
  readonly id: number
  readonly order?: DialOrder
}

export interface Answer {
  readonly id: number
  readonly result?: DialResult
  readonly error?: unknown
}

/** Answers that belong together, and whether nothing is left to do and the last connection is closed. */
export interface Answers {
  readonly answers: readonly Answer[]
  readonly isIdle: boolean
}

const port = parentPort!
const context = createTlsContext(workerData as TlsSettingsOptions)
const underWay = new Map<number, Deadline>()
const open = new Set<Socket>()
let answers: Answer[] = []
let isReporting = false

port.on('message', (requests: readonly Request[]) => {
  for (const { id, order } of requests) {
    if (order === undefined) underWay.get(id)?.abort(new Error('given up'))
    else void carryOut(id, order)
  }
})

async function carryOut(id: number, order: DialOrder): Promise<void> {
  const deadline = startDeadline(order.timeoutMs)
  underWay.set(id, deadline)
  const answer = await dial(order, context, deadline, watch).then(
    (result) => ({ id, result }),
    (error: unknown) => ({ id, error }),
  )
  deadline.release()
  underWay.delete(id)
  answers.push(answer)
  report()
}

/** A thread that ends too early would reset connections that are being closed as the protocol wants it. */
function watch(socket: Socket): void {
  open.add(socket)
  socket.once('close', () => {
    open.delete(socket)
    if (underWay.size === 0 && open.size === 0) report()
  })
}

/** What happens in one turn of the event loop is told in one message. */
function report(): void {
  if (isReporting) return
  isReporting = true
  setImmediate(() => {
    isReporting = false
    const told: Answers = { answers, isIdle: underWay.size === 0 && open.size === 0 }
    answers = []
    port.postMessage(told)
  })
}
