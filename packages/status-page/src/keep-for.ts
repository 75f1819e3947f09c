/** A reading that is shared: see {@link keepFor}. */
export interface Kept<T> {
  (): Promise<T>
  /** The next one who asks gets a fresh reading. */
  forget(): void
}

/**
 * Reads at most once in so long, however many ask: who asks while it is read, or within `milliseconds`
 * after that, gets the same answer, a failure included.
 */
export function keepFor<T>(milliseconds: number, read: () => Promise<T>): Kept<T> {
  let kept: { readonly answer: Promise<T>; until: number } | undefined
  const ask = (): Promise<T> => {
    if (kept !== undefined && performance.now() < kept.until) return kept.answer
    const fresh = { answer: read(), until: Infinity }
    const settled = (): void => {
      fresh.until = performance.now() + milliseconds
    }
    fresh.answer.then(settled, settled)
    kept = fresh
    return fresh.answer
  }
  return Object.assign(ask, {
    forget: () => {
      kept = undefined
    },
  })
}
