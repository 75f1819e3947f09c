/** A time limit that, unlike `AbortSignal.timeout`, can be let go of: thousands of probes leave no timers. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Whether it was time, and not the caller, that ended it. */
  readonly isExpired: () => boolean
  /** Ends it before its time. */
  abort(reason: unknown): void
  release(): void
}

/** Aborts after `timeoutMs`, or when `outer` does. */
export function startDeadline(timeoutMs: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController()
  let isExpired = false
  const timer = setTimeout(() => {
    isExpired = true
    controller.abort(new Error(`not done within ${timeoutMs} ms`))
  }, timeoutMs)
  const onOuterAbort = (): void => controller.abort(outer?.reason)
  if (outer?.aborted === true) onOuterAbort()
  outer?.addEventListener('abort', onOuterAbort, { once: true })
  return {
    signal: controller.signal,
    isExpired: () => isExpired,
    abort: (reason) => controller.abort(reason),
    release: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onOuterAbort)
    },
  }
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it is aborted. */
export async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
