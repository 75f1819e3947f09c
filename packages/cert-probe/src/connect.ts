import { connect as connectSocket, type NetConnectOpts, type Socket } from 'node:net'
import { ProbeFailure, type FailureCode } from './failure.ts'

/** Opens a connection; it is closed again when `signal` is aborted. */
export async function connect(where: NetConnectOpts, shown: string, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const socket = connectSocket(where)
  // There is a listener at all times: an error between two phases must not end the process.
  socket.on('error', () => undefined)
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const onAbort = (): void => {
    socket.destroy()
    reject(signal.reason as Error)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('connect', () => resolve(socket))
  socket.once('error', (error: NodeJS.ErrnoException) => reject(connectFailure(error, shown)))
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function connectFailure(error: NodeJS.ErrnoException, shown: string): ProbeFailure {
  const known = error.code === undefined ? undefined : KNOWN[error.code]
  const [code, message] = known ?? (['unreachable', `cannot be reached: ${error.message}`] as const)
  return new ProbeFailure('connect', code, `${shown} ${message}`, error)
}

const KNOWN: Readonly<Record<string, readonly [code: FailureCode, message: string]>> = {
  ECONNREFUSED: ['refused', 'refused the connection: nothing listens there'],
  ENOENT: ['refused', 'is not there: nothing has made that socket'],
  ETIMEDOUT: ['timeout', 'did not answer'],
}
