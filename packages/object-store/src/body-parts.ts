import type { Body } from './body.ts'
import { readBody } from './body.ts'

export interface BodyPart {
  /** Counted from 1. */
  readonly number: number
  readonly bytes: Uint8Array
  readonly isLast: boolean
  /** Gives the buffer back; the bytes must not be used afterwards. */
  readonly release: () => void
}

/**
 * Cuts a body into parts of exactly `partSizeBytes`, of which only the last may be smaller or, when
 * the body is empty, have nothing in it. Buffers are reused once released: whoever holds N parts has
 * made N + 1 buffers exist. A body that is one `Uint8Array` is not copied.
 */
export async function* bodyParts(
  body: Body,
  partSizeBytes: number,
  signal: AbortSignal,
): AsyncGenerator<BodyPart, void, void> {
  if (body instanceof Uint8Array) yield* slices(body, partSizeBytes)
  else yield* filledBuffers(readBody(body, signal), partSizeBytes)
}

function* slices(body: Uint8Array, partSizeBytes: number): Generator<BodyPart, void, void> {
  const count = Math.max(1, Math.ceil(body.length / partSizeBytes))
  for (let number = 1; number <= count; number += 1) {
    const bytes = body.subarray((number - 1) * partSizeBytes, number * partSizeBytes)
    yield { number, bytes, isLast: number === count, release: () => undefined }
  }
}

async function* filledBuffers(
  chunks: AsyncIterable<Uint8Array>,
  partSizeBytes: number,
): AsyncGenerator<BodyPart, void, void> {
  const free: Buffer[] = []
  const take = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(partSizeBytes)
  let buffer = take()
  let filled = 0
  let number = 1
  const part = (isLast: boolean): BodyPart => {
    const full = buffer
    return { number, bytes: full.subarray(0, filled), isLast, release: () => void free.push(full) }
  }
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length;) {
      // a full buffer waits for the next byte, which tells that it is not the last
      if (filled === partSizeBytes) {
        yield part(false)
        buffer = take()
        filled = 0
        number += 1
      }
      const room = chunk.subarray(offset, offset + partSizeBytes - filled)
      buffer.set(room, filled)
      filled += room.length
      offset += room.length
    }
  }
  yield part(true)
}
