/** A time limit that, unlike `AbortSignal.timeout`, can be let go of: thousands of probes leave no timers. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Whether it was time, and not the caller, that ended it. */
  readonly isExpired: () => boolean
  /** Ends it before its time. */
  abort(reason: unknown): void
  release(): void
}

/** What Node.js' timers can wait, 24 days: a longer wait would end at once. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1

/** Aborts after `timeoutMs`, or when `outer` does. */
export function startDeadline(timeoutMs: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController()
  let isExpired = false
  const expire = (): void => {
    isExpired = true
    controller.abort(new Error(`not done within ${timeoutMs} ms`))
  }
  const timer = setTimeout(expire, Math.min(timeoutMs, LONGEST_TIMER_MS))
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
