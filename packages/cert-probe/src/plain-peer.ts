import type { Socket } from 'node:net'
import { ProbeFailure } from './failure.ts'

/** The other side of a connection before TLS: read in lines or octets, never further than asked. */
export interface PlainPeer {
  /** The next line, without its end. */
  readLine(): Promise<string>
  readBytes(count: number): Promise<Buffer>
  write(data: string | Uint8Array): void
  /** Gives the socket back; fails if the peer has already sent more than was read. */
  release(): void
}

/** A greeting or a list of capabilities is far shorter; who sends more is not what we asked for. */
const MAX_BYTES = 64 * 1024

export function createPlainPeer(socket: Socket, signal: AbortSignal): PlainPeer {
  let buffered: Buffer = Buffer.alloc(0)
  let received = 0
  let ended: Error | undefined
  let wake: (() => void) | undefined

  const onReadable = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      buffered = Buffer.concat([buffered, chunk])
      received += chunk.length
    }
    wake?.()
  }
  const end = (error: Error): void => {
    ended ??= error
    wake?.()
  }
  const onEnd = (): void =>
    end(new ProbeFailure('starttls', 'closed', 'the server closed the connection before TLS could start'))
  const onError = (error: Error): void =>
    end(
      new ProbeFailure(
        'starttls',
        'closed',
        `the connection broke before TLS could start: ${error.message}`,
        error,
      ),
    )
  const onAbort = (): void => end(signal.reason as Error)

  socket.on('readable', onReadable)
  socket.once('end', onEnd)
  socket.once('error', onError)
  signal.addEventListener('abort', onAbort, { once: true })

  const take = async (findEnd: () => number): Promise<Buffer> => {
    for (;;) {
      signal.throwIfAborted()
      const length = findEnd()
      if (length > 0) {
        const taken = buffered.subarray(0, length)
        buffered = buffered.subarray(length)
        return taken
      }
      if (ended !== undefined) throw ended
      if (received > MAX_BYTES)
        throw new ProbeFailure(
          'starttls',
          'starttls-refused',
          'the server talks on and on without coming to TLS',
        )
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    readLine: async () => (await take(() => buffered.indexOf(0x0a) + 1)).toString('latin1').trimEnd(),
    readBytes: (count) => take(() => (buffered.length >= count ? count : 0)),
    write: (data) => void socket.write(data),
    release: () => {
      socket.off('readable', onReadable)
      socket.off('end', onEnd)
      socket.off('error', onError)
      signal.removeEventListener('abort', onAbort)
      // What was sent in the clear must not pass for part of the encrypted session (CVE-2011-0411).
      if (buffered.length > 0)
        throw new ProbeFailure(
          'starttls',
          'starttls-refused',
          'the server sent more in plain text after it had agreed to TLS',
        )
    },
  }
}
