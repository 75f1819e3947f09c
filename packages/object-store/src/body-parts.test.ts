import { array, assert, asyncProperty, boolean, integer } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyParts } from './body-parts.ts'

const never = new AbortController().signal

async function* chunks(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let value = 0
  for (const size of sizes) yield Buffer.from(Array.from({ length: size }, () => (value += 1)))
}

describe('bodyParts', () => {
  it('cuts any body into full parts and one last part, losing no byte', async () => {
    await assert(
      asyncProperty(
        array(integer({ min: 0, max: 50 })),
        integer({ min: 1, max: 40 }),
        boolean(),
        async (sizes, partSize, isBuffer) => {
          const whole: Uint8Array[] = []
          for await (const chunk of chunks(sizes)) whole.push(chunk)
          const expected = Buffer.concat(whole)
          const seen: Buffer[] = []
          const lasts: boolean[] = []
          for await (const part of bodyParts(isBuffer ? expected : chunks(sizes), partSize, never)) {
            expect(part.number).toBe(seen.length + 1)
            seen.push(Buffer.from(part.bytes))
            lasts.push(part.isLast)
            part.release()
          }
          expect(Buffer.concat(seen)).toEqual(expected)
          expect(lasts).toEqual(seen.map((_, at) => at === seen.length - 1))
          expect(seen.slice(0, -1).every(({ length }) => length === partSize)).toBe(true)
          expect(seen).toHaveLength(Math.max(1, Math.ceil(expected.length / partSize)))
        },
      ),
    )
  })

  it('makes one buffer more than the parts that are held at a time', async () => {
    const buffers = new Set<ArrayBufferLike>()
    const held: (() => void)[] = []
    for await (const part of bodyParts(chunks(Array.from({ length: 100 }, () => 37)), 64, never)) {
      buffers.add(part.bytes.buffer)
      held.push(part.release)
      if (held.length === 3) held.shift()?.()
    }
    expect(buffers.size).toBe(3)
  })
})
