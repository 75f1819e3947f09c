import { setMaxListeners } from 'node:events'
import pRetry from 'p-retry'
import type { Logger } from './logger.ts'
import { ObjectStoreError } from './object-store-error.ts'
import { isTransient, s3Error, s3ErrorFacts } from './s3-error.ts'

/** How long a request that may take effect anyway is waited for after an abort, to learn whether it did. */
const settleMs = 5000

export interface S3RequesterOptions {
  readonly url: string
  readonly stallTimeoutMs: number
  readonly maxAttempts: number
  readonly retryDelayMs: number
  readonly logger?: Logger
}

export interface S3Request<T> {
  /** The S3 operation, for messages. */
  readonly operation: string
  readonly key?: string
  readonly signal?: AbortSignal
  /**
   * For a request that makes an object appear: cutting it off would leave unknown whether it did, so
   * after an abort its answer is awaited for a while.
   */
  readonly awaitOutcome?: boolean
  /** Called once per attempt; a request with a body calls `moved` whenever bytes of it go out. */
  readonly send: (abortSignal: AbortSignal, moved: () => void) => Promise<T>
}

export type S3Requester = <T>(request: S3Request<T>) => Promise<T>

/**
 * Sends a request until it succeeds, fails for good, or was tried often enough, with exponential
 * backoff and jitter. Rejects with an `ObjectStoreError`, or with the signal's reason; after an
 * abort nothing is tried again.
 */
export function s3Requester(options: S3RequesterOptions): S3Requester {
  const { url, maxAttempts, retryDelayMs, logger } = options
  return async <T>(request: S3Request<T>): Promise<T> => {
    const { operation, key, signal } = request
    try {
      return await pRetry(() => attempt(request, options), {
        retries: maxAttempts - 1,
        minTimeout: retryDelayMs,
        maxTimeout: 20_000,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => isTransient(error),
        onFailedAttempt: ({ error, attemptNumber, retriesLeft, retryDelay }) => {
          const { name, status, systemCode } = s3ErrorFacts(error)
          const retrying = retriesLeft > 0 && isTransient(error)
          const fields = {
            url,
            key,
            operation,
            attemptNumber,
            errorName: systemCode ?? name,
            httpStatus: status,
          }
          if (retrying)
            logger?.warn(
              { ...fields, retryDelayMs: retryDelay },
              'a request to the store failed and is tried again',
            )
        },
      })
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, { url, key, operation })
    }
  }
}

async function attempt<T>(request: S3Request<T>, { url, stallTimeoutMs }: S3RequesterOptions): Promise<T> {
  const { operation, key, signal, awaitOutcome = false, send } = request
  signal?.throwIfAborted()
  const cut = new AbortController()
  setMaxListeners(0, cut.signal)
  const stalled = (): void =>
    cut.abort(
      new ObjectStoreError(
        'STORE_STALLED',
        `${operation} of ${key === undefined ? url : `${JSON.stringify(key)} in ${url}`} stood still for ${stallTimeoutMs / 1000} s; check the network and the store`,
        { details: { url, key, operation } },
      ),
    )
  let timer = setTimeout(stalled, stallTimeoutMs)
  const onAbort = (): void => {
    clearTimeout(timer)
    if (awaitOutcome) timer = setTimeout(stalled, settleMs)
    else cut.abort(signal?.reason)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const answer = await send(cut.signal, () => void timer.refresh())
    signal?.throwIfAborted()
    return answer
  } catch (error) {
    throw cut.signal.aborted ? cut.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
