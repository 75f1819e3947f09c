import { finished, Transform } from 'node:stream'
import type { Readable } from 'node:stream'
import { ObjectStoreError } from './object-store-error.ts'
import type { ObjectStoreErrorDetails } from './object-store-error.ts'

export interface CheckedStreamOptions {
  /** How many bytes the source promised. */
  readonly expectedBytes: number
  /** Silence of the source longer than this is an error; without it, silence is allowed. */
  readonly stallTimeoutMs?: number
  readonly signal?: AbortSignal
  /** What is being read, for messages. */
  readonly details: ObjectStoreErrorDetails
  /** What an error of the source means; it then destroys the stream. */
  readonly mapError: (error: unknown) => Error
}

/**
 * `source`, but it only ends when exactly `expectedBytes` have passed: a source that ends early, goes
 * on for too long or falls silent makes the stream fail, never end. Closing either closes both.
 */
export function checkedStream(source: Readable, options: CheckedStreamOptions): Readable {
  const { expectedBytes, stallTimeoutMs, signal, details } = options
  const name = `${JSON.stringify(details.key)} in ${details.url}`
  let receivedBytes = 0

  const truncated = (): ObjectStoreError =>
    new ObjectStoreError(
      'STORE_TRUNCATED',
      `reading ${name} gave ${receivedBytes} bytes instead of ${expectedBytes}; read it again`,
      { details },
    )
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      receivedBytes += chunk.length
      quiet?.refresh()
      if (receivedBytes > expectedBytes) done(truncated())
      else done(null, chunk)
    },
    flush(done) {
      done(receivedBytes === expectedBytes ? null : truncated())
    },
  })
  // bytes that wait to be read show that the reader is slow, not the source
  const onQuiet = (): void => {
    if (checked.readableLength > 0) quiet?.refresh()
    else checked.destroy(stalled())
  }
  const stalled = (): ObjectStoreError =>
    new ObjectStoreError(
      'STORE_STALLED',
      `reading ${name} stopped after ${receivedBytes} of ${expectedBytes} bytes: nothing came for ${stallTimeoutMs} ms; check the network and read it again`,
      { details },
    )
  const quiet = stallTimeoutMs === undefined ? undefined : setTimeout(onQuiet, stallTimeoutMs)
  const onAbort = (): void => void checked.destroy(signal?.reason)

  finished(source, { writable: false }, (error) => {
    if (error)
      checked.destroy(
        receivedBytes < expectedBytes && isEarlyEnd(error) ? truncated() : options.mapError(error),
      )
  })
  checked.once('close', () => {
    clearTimeout(quiet)
    signal?.removeEventListener('abort', onAbort)
    source.destroy()
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  return source.pipe(checked)
}

/** How Node reports a connection that was closed before the promised length was there. */
function isEarlyEnd(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'HPE_INVALID_EOF_STATE'
}
