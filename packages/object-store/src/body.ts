import { Readable } from 'node:stream'

export type Body = Readable | AsyncIterable<Uint8Array> | Uint8Array

/** Rejects with the signal's reason as soon as it aborts; `stop` takes the listener off again. */
function rejectOnAbort(signal: AbortSignal): { readonly aborted: Promise<never>; readonly stop: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  // nobody may be racing this promise at the moment of the abort
  promise.catch(() => undefined)
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  return { aborted: promise, stop: () => signal.removeEventListener('abort', onAbort) }
}

/** `promise`, or the signal's reason, whichever comes first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // What is not waited for any more may still fail, as a stream that is destroyed does: that must not end the process.
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const { aborted, stop } = rejectOnAbort(signal)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    stop()
  }
}

/**
 * The body's chunks. Rejects with the body's own error untouched, and with the signal's reason at
 * once even when the body is silent. However the reading ends, the body is closed. `onBodyError`
 * learns which error was the body's own.
 */
export async function* readBody(
  body: Body,
  signal: AbortSignal,
  onBodyError?: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void, void> {
  if (body instanceof Uint8Array) {
    signal.throwIfAborted()
    yield body
    return
  }
  const iterator = body[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const next = await orAborted(nextChunk(iterator, onBodyError), signal)
      if (next.done === true) {
        ended = true
        return
      }
      if (!(next.value instanceof Uint8Array))
        throw new TypeError('a body must yield bytes (Buffer or Uint8Array)')
      yield next.value
    }
  } finally {
    if (!ended) closeBody(body, iterator)
  }
}

async function nextChunk(
  iterator: AsyncIterator<unknown>,
  onBodyError: ((error: unknown) => void) | undefined,
): Promise<IteratorResult<unknown>> {
  try {
    return await iterator.next()
  } catch (error) {
    onBodyError?.(error)
    throw error
  }
}

/** An iterator that is waiting for its source would answer `return` only after it, so a stream is destroyed. */
function closeBody(body: AsyncIterable<Uint8Array> | Readable, iterator: AsyncIterator<unknown>): void {
  if (body instanceof Readable) body.destroy()
  iterator.return?.().then(undefined, () => undefined)
}
