import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { constants, createZstdCompress, gunzipSync, type ZstdCompress } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adaptiveFrames, nextLevel } from './adaptive-compression.ts'
import {
  compressionStream,
  decompressionStream,
  isDecompressionError,
  resolveCompression,
  type Compression,
} from './compression.ts'

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, `chunk ${index} `)
}

/** The same, in memory that is used again for the next piece. */
async function* inReusedMemory(sizes: readonly number[]): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(Math.max(0, ...sizes))
  for await (const chunk of chunksOf(sizes)) {
    chunk.copy(memory)
    yield memory.subarray(0, chunk.length)
  }
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const streamOfPieces = (bytes: Buffer, size: number): Readable => Readable.from(inPieces(bytes, size))

const compressions: Record<string, Compression> = {
  zstd: { algorithm: 'zstd', level: 1 },
  'zstd that adapts': { algorithm: 'zstd', level: 1, adapt: true },
  gzip: { algorithm: 'gzip', level: 6 },
  none: { algorithm: 'none' },
}

describe.each(Object.entries(compressions))('with %s', (_name, compression) => {
  it('what was compressed comes back, however it was cut', async () => {
    const anySize = fc.oneof(fc.nat(100), fc.integer({ min: 500_000, max: 1_200_000 }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySize, { maxLength: 6 }),
        fc.integer({ min: 2000, max: 70_000 }),
        async (sizes, piece) => {
          const plain = await buffer(Readable.from(chunksOf(sizes), { objectMode: false }))
          const stored = await buffer(compressionStream(inReusedMemory(sizes), compression))
          expect(
            (await buffer(decompressionStream(streamOfPieces(stored, piece), compression))).equals(plain),
          ).toBe(true)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('fails with the error of its source', async () => {
    const problem = new Error('the source broke')
    async function* broken(): AsyncGenerator<Buffer> {
      yield* chunksOf([600_000, 600_000])
      throw problem
    }
    await expect(buffer(compressionStream(broken(), compression))).rejects.toBe(problem)
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
    const stream = compressionStream(endless(), compression)
    for await (const _chunk of stream) break
    await expect.poll(() => isClosed).toBe(true)
  })

  it('closes at once, even when its source stands still', async () => {
    async function* still(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100)
      await new Promise(() => undefined)
    }
    const stream = compressionStream(still(), compression)
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.resume()
    stream.destroy()
    await closed
    expect(stream.closed).toBe(true)
  })
})

describe('compressed data', () => {
  it('is gzip like any other, with gzip', async () => {
    const stored = await buffer(compressionStream(chunksOf([1000, 1000]), compressions['gzip']!))
    expect(gunzipSync(stored)).toHaveLength(2000)
  })

  it('may be several zstd frames, cut anywhere', async () => {
    const frame = async (sizes: number[]): Promise<Buffer> =>
      buffer(compressionStream(chunksOf(sizes), compressions['zstd']!))
    const frames = [await frame([70_000]), await frame([]), await frame([3]), await frame([200_000])]
    const stored = Buffer.concat(frames)
    for (const size of [1, 2, 7, 50, stored.length]) {
      const plain = await buffer(decompressionStream(streamOfPieces(stored, size), compressions['zstd']!))
      expect(plain).toHaveLength(270_003)
    }
  })

  it.each(['zstd', 'gzip'])('is refused when it is cut or damaged, with %s', async (name) => {
    const stored = await buffer(compressionStream(chunksOf([100_000]), compressions[name]!))
    const read = (bytes: Buffer): Promise<Buffer> =>
      buffer(decompressionStream(streamOfPieces(bytes, 1000), compressions[name]!))
    await expect(read(stored.subarray(0, -3))).rejects.toSatisfy(isDecompressionError)
    await expect(read(Buffer.concat([Buffer.alloc(8), stored]))).rejects.toSatisfy(isDecompressionError)
  })
})

describe('a level that adapts', () => {
  it.each([
    ['goes up while the store is waited for', 3, { total: 100, source: 0, reader: 60 }, 4],
    ['goes down while compression is', 3, { total: 100, source: 10, reader: 10 }, 2],
    ['stays while the dump is', 3, { total: 100, source: 80, reader: 10 }, 3],
    ['never goes below 1', 1, { total: 100, source: 0, reader: 0 }, 1],
    ['never goes above 12', 12, { total: 100, source: 0, reader: 90 }, 12],
    ['but stays above it when it began there', 15, { total: 100, source: 0, reader: 90 }, 15],
  ])('%s', (_, level, times, next) => {
    expect(nextLevel(level, times)).toBe(next)
  })

  const frames = 6

  /** The levels of the frames, where time passes only in the places that `passes` names. */
  async function levels(passes: { dump?: number; zstd?: number; store?: number }): Promise<number[]> {
    let time = 0
    const taken: number[] = []
    async function* dump(): AsyncGenerator<Buffer> {
      for (let count = 0; count < 2 * frames; count++) {
        time += passes.dump ?? 0
        yield Buffer.alloc(5000, count)
      }
    }
    const zstdAt = (level: number): ZstdCompress => {
      taken.push(level)
      time += passes.zstd ?? 0
      return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } })
    }
    const pieces: Buffer[] = []
    for await (const piece of adaptiveFrames(dump(), {
      level: 3,
      zstdAt,
      frameBytes: 10_000,
      now: () => time,
    })) {
      pieces.push(piece)
      time += passes.store ?? 0
    }
    const plain = await buffer(decompressionStream(Readable.from(pieces), compressions['zstd']!))
    expect(plain).toHaveLength(2 * frames * 5000)
    return taken.slice(0, frames)
  }

  it('follows what everything waits for, frame by frame', async () => {
    expect(await levels({ store: 10 })).toEqual([3, 4, 5, 6, 7, 8])
    expect(await levels({ zstd: 10 })).toEqual([3, 2, 1, 1, 1, 1])
    expect(await levels({ dump: 10 })).toEqual([3, 3, 3, 3, 3, 3])
  })
})

describe('the choice', () => {
  it('has defaults', () => {
    expect(resolveCompression()).toEqual({ algorithm: 'zstd', level: 1 })
    expect(resolveCompression({ algorithm: 'gzip' })).toEqual({ algorithm: 'gzip', level: 6 })
    expect(resolveCompression({ algorithm: 'none' })).toEqual({ algorithm: 'none' })
    expect(resolveCompression({ level: 3, adapt: true })).toEqual({
      algorithm: 'zstd',
      level: 3,
      adapt: true,
    })
  })

  it.each([
    [{ algorithm: 'lz4' }, /"lz4" is no compression; there are zstd, gzip and none/],
    [{ level: 20 }, /the level of zstd is 20; it must be a whole number from 1 to 19/],
    [{ algorithm: 'gzip', level: 1.5 }, /the level of gzip is 1.5/],
    [{ algorithm: 'none', level: 1 }, /"none" has no level/],
    [{ algorithm: 'gzip', adapt: true }, /only zstd adapts/],
  ])('%j is refused', (compression, says) => {
    expect(() => resolveCompression(compression as never)).toThrow(says)
  })
})
