import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressionStream, decompressionStream } from './compression.ts'

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, `chunk ${index} `)
}

describe('the compressed stream', () => {
  it('decompresses to what went in, however it was cut', async () => {
    const anySize = fc.oneof(fc.nat(100), fc.integer({ min: 500_000, max: 1_200_000 }))
    await fc.assert(
      fc.asyncProperty(fc.array(anySize, { maxLength: 6 }), async (sizes) => {
        const plain = await buffer(Readable.from(chunksOf(sizes), { objectMode: false }))
        const stored = await buffer(compressionStream(chunksOf(sizes), 1))
        expect(zstdDecompressSync(stored).equals(plain)).toBe(true)
        expect((await buffer(decompressionStream(Readable.from([stored])))).equals(plain)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it('fails with the error of its source', async () => {
    const problem = new Error('the source broke')
    async function* broken(): AsyncGenerator<Buffer> {
      yield* chunksOf([600_000, 600_000])
      throw problem
    }
    await expect(buffer(compressionStream(broken(), 1))).rejects.toBe(problem)
  })

  it('lets go of its source when nobody reads it any more', async () => {
    let isClosed = false
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(65_536)
      } finally {
        isClosed = true
      }
    }
    const stream = compressionStream(endless(), 1)
    for await (const _chunk of stream) break
    await expect.poll(() => isClosed).toBe(true)
  })
})
