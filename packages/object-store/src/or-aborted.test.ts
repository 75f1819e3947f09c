import { expect, it } from 'vitest'
import { orAborted } from './body.ts'

it('leaves no rejection behind that nobody handles, when the signal was aborted before', async () => {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  try {
    const { promise, reject } = Promise.withResolvers<never>()
    await expect(orAborted(promise, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
    reject(new Error('premature close'))
    // They are told of after the microtasks of a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', onUnhandled)
  }
})
