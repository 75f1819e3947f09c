/** Something is tried again after `delay`, then after twice as long each time, up to `maxDelay`; in ms. */
export interface Retry {
  readonly delay: number
  readonly maxDelay: number
}

/** How long to wait after it did not work out so many times. */
export function delayAfter(times: number, { delay, maxDelay }: Retry): number {
  return Math.min(maxDelay, delay * 2 ** (times - 1))
}
