import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { socketPath, type ConnectionOptions } from './connection-options.ts'
import { createMessageSplitter, sslRequestMessage, WireFormatError, type Message } from './wire-messages.ts'

/** TLS was asked for and could not be had, or the certificate is not good. */
export class TlsRefusedError extends Error {
  override readonly name = 'TlsRefusedError'
}

/** A connection that gives whole messages, in order, one at a time. */
export interface WireSocket {
  send(bytes: Buffer): void
  /** The next message if it is already here: the fast path through thousands of rows. */
  take(): Message | undefined
  /** Waits for the next message; rejects with why the connection ended. */
  next(): Promise<Message>
  /** Whether it can still be used. */
  readonly isOpen: boolean
  destroy(): void
}

/** Connects, and negotiates TLS as `sslMode` says. Rejects with `signal.reason` when aborted. */
export async function openWireSocket(options: ConnectionOptions, signal: AbortSignal): Promise<WireSocket> {
  const { host = 'localhost', port = 6432, sslMode = 'prefer' } = options
  const isUnix = host.startsWith('/')
  const open = (): Promise<Socket> =>
    connected(
      isUnix ? connect({ path: socketPath(host, port) }) : connect({ host, port, noDelay: true }),
      'connect',
      signal,
    )
  const plain = await open()
  // "allow" means plain first; a PgBouncer that insists on TLS refuses the login, and says so.
  if (isUnix || sslMode === 'disable' || sslMode === 'allow') return wireSocket(plain)
  const answer = await askForTls(plain, signal)
  if (answer === 'S')
    return wireSocket(await connected(connectTls(tlsOptions(options, plain)), 'secureConnect', signal))
  if (sslMode === 'prefer') return wireSocket(plain)
  plain.destroy()
  throw new TlsRefusedError(`it does not offer TLS, and sslmode is "${sslMode}"`)
}

function tlsOptions(options: ConnectionOptions, socket: Socket): TlsOptions {
  const { host = 'localhost', sslMode, sslRootCert, sslCert, sslKey } = options
  const isName = /[a-z]/i.test(host) && !host.includes(':')
  // libpq, too, verifies the chain in "require" as soon as it is given a root certificate.
  const verifiesChain =
    sslMode === 'verify-ca' ||
    sslMode === 'verify-full' ||
    (sslMode === 'require' && sslRootCert !== undefined)
  return {
    socket,
    rejectUnauthorized: verifiesChain,
    host,
    ...(isName ? { servername: host } : {}),
    ...(sslRootCert === undefined ? {} : { ca: sslRootCert }),
    ...(sslCert === undefined ? {} : { cert: sslCert }),
    ...(sslKey === undefined ? {} : { key: sslKey }),
    ...(sslMode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  }
}

async function askForTls(socket: Socket, signal: AbortSignal): Promise<string> {
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('data', onData).off('close', onClose)
      act()
    }
    const onAbort = (): void => {
      socket.destroy()
      settle(() => reject(signal.reason as Error))
    }
    const onData = (bytes: Buffer): void => {
      socket.pause()
      settle(() => resolve(bytes))
    }
    const onClose = (): void =>
      settle(() => reject(new WireFormatError('the connection was closed when asked for TLS')))
    socket.on('data', onData).on('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.write(sslRequestMessage())
  })
  const text = answer.toString('latin1')
  // More than one byte here was not encrypted, and would be believed to have been (as in CVE-2021-23222).
  if (text === 'S' || text === 'N') return text
  socket.destroy()
  throw new WireFormatError('the answer to a request for TLS is not PostgreSQL\u2019s')
}

function connected<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    let settled = false
    const settle = (act: () => void): void => {
      if (settled) return
      settled = true
      signal.removeEventListener('abort', onAbort)
      act()
    }
    const fail = (error: Error): void =>
      settle(() => {
        socket.destroy()
        reject(event === 'secureConnect' ? new TlsRefusedError(error.message, { cause: error }) : error)
      })
    const onAbort = (): void =>
      settle(() => {
        socket.destroy()
        reject(signal.reason as Error)
      })
    // Stays for good: an error after the connection is up shows as its end, and must not end the process.
    socket.on('error', fail)
    socket.once('close', () => fail(new Error('the connection was closed')))
    socket.once(event, () => settle(() => resolve(socket)))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function wireSocket(socket: Socket): WireSocket {
  const splitter = createMessageSplitter()
  let queue: Message[] = []
  let head = 0
  let ended: Error | undefined
  let waiting: { resolve(message: Message): void; reject(error: Error): void } | undefined

  const take = (): Message | undefined => {
    const message = queue[head]
    if (message === undefined) return undefined
    head += 1
    if (head === queue.length) {
      queue = []
      head = 0
    }
    return message
  }
  const end = (error: Error): void => {
    ended ??= error
    socket.destroy()
    waiting?.reject(ended)
    waiting = undefined
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const message of splitter.push(chunk)) queue.push(message)
    } catch (error) {
      end(error as Error)
      return
    }
    const message = waiting === undefined ? undefined : take()
    if (message === undefined) return
    waiting?.resolve(message)
    waiting = undefined
  })
  socket.on('error', end)
  socket.on('close', () => end(new Error('the connection was closed')))
  socket.resume()
  return {
    send: (bytes) => void socket.write(bytes),
    take,
    next() {
      const message = take()
      if (message !== undefined) return Promise.resolve(message)
      if (ended !== undefined) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
    get isOpen() {
      return ended === undefined && !socket.destroyed
    },
    destroy: () => end(new Error('the connection was closed on this side')),
  }
}
