import { pipeline, type Readable } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress, type ZstdCompress } from 'node:zlib'

/** The archive's name below the backup's folder. */
export const DUMP_NAME = 'dump.pgc.zst'

/** Level 1 compresses repetitive rows about as well as `pg_dump`'s own gzip does, and free prose a few percent less, several times faster. */
export const DEFAULT_COMPRESSION_LEVEL = 1

/** A pipe gives 64 KiB at a time; each hop to zlib's thread costs the same for eight times as much. */
const BLOCK_BYTES = 512 * 1024
const CHUNK_BYTES = 256 * 1024

/** `source`, compressed; an error of `source` is an error of the result. */
export function compressionStream(source: AsyncIterable<Buffer>, level: number): Readable {
  const zstd = createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  })
  feed(source, zstd).catch((error: unknown) => zstd.destroy(error as Error))
  return zstd
}

/** Gathers chunks into one of two blocks while the other is being compressed. */
async function feed(source: AsyncIterable<Buffer>, zstd: ZstdCompress): Promise<void> {
  let [filling, resting] = [Buffer.allocUnsafeSlow(BLOCK_BYTES), Buffer.allocUnsafeSlow(BLOCK_BYTES)]
  let filled = 0
  let compressed: Promise<void> = Promise.resolve()
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length;) {
      const copied = chunk.copy(filling, filled, taken)
      taken += copied
      filled += copied
      if (filled < BLOCK_BYTES) continue
      await compressed
      compressed = write(zstd, filling)
      ;[filling, resting] = [resting, filling]
      filled = 0
    }
  }
  await compressed
  if (filled > 0) await write(zstd, filling.subarray(0, filled))
  zstd.end()
}

/** Resolves when zlib has taken the block and its memory may be used again. */
function write(zstd: ZstdCompress, block: Buffer): Promise<void> {
  const taken = new Promise<void>((resolve, reject) => {
    zstd.write(block, (error) => (error ? reject(error) : resolve()))
  })
  // Awaited only when the next block is full; until then nobody else would look at a failure.
  taken.catch(() => undefined)
  return taken
}

/** `source`, decompressed. Input that would need a window over 128 MiB, which zstd at level 19 never writes, is refused. */
export function decompressionStream(source: Readable): Readable {
  const zstd = createZstdDecompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: 27 },
  })
  // `pipeline` hands every error on to `zstd`, where the reader meets it.
  pipeline(source, zstd, () => undefined)
  return zstd
}
