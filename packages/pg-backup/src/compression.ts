import { pipeline, type Readable } from 'node:stream'
import {
  constants,
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
  type Gzip,
  type ZstdCompress,
  type ZstdDecompress,
} from 'node:zlib'
import { adaptiveFrames } from './adaptive-compression.ts'
import { BackupError } from './backup-error.ts'
import { streamOf } from './stream-of.ts'
import { cutFrames, type FramePiece } from './zstd-frames.ts'

/** How a backup is compressed. */
export interface BackupCompression {
  /** @default 'zstd' */
  readonly algorithm?: CompressionAlgorithm
  /** zstd: 1 to 19, gzip: 1 to 9. @default zstd: 1, gzip: 6 */
  readonly level?: number
  /**
   * zstd only: begin with `level`, go up while the store is what everything waits for, and down while
   * compression is. @default false
   */
  readonly adapt?: boolean
}

/** How the stored bytes are compressed; each is what the tool of that name reads. */
export type CompressionAlgorithm = 'zstd' | 'gzip' | 'none'

/** As a manifest says it: nothing left to defaults. */
export interface Compression {
  readonly algorithm: CompressionAlgorithm
  readonly level?: number
  readonly adapt?: boolean
}

interface Algorithm {
  /** What it adds to an object's name. */
  readonly suffix: string
  readonly contentType: string
  readonly maxLevel: number
  /** zstd's level 1 compresses repetitive rows about as well as `pg_dump`'s own gzip does, and free prose a few percent less, several times faster. */
  readonly defaultLevel?: number
  compress(source: AsyncIterable<Buffer>, compression: Compression): Readable
  decompress(source: Readable): Readable
}

const CHUNK_BYTES = 256 * 1024

/** 256 KiB, half of what zstd takes, stays in the processor's cache: up to a tenth less CPU, and rows come out 0.1 % larger. */
const LEVEL_1_WINDOW_LOG = 18

const algorithms: Readonly<Record<CompressionAlgorithm, Algorithm>> = {
  zstd: {
    suffix: '.zst',
    contentType: 'application/zstd',
    maxLevel: 19,
    defaultLevel: 1,
    compress: (source, { level, adapt }) =>
      adapt === true
        ? streamOf(adaptiveFrames(source, { level: level!, zstdAt }))
        : feeding(source, zstdAt(level!)),
    decompress: (source) => streamOf(eachFrame(source)),
  },
  gzip: {
    suffix: '.gz',
    contentType: 'application/gzip',
    maxLevel: 9,
    defaultLevel: 6,
    compress: (source, { level }) => feeding(source, createGzip({ chunkSize: CHUNK_BYTES, level })),
    decompress: (source) => {
      const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
      // `pipeline` hands every error on to `gunzip`, where the reader meets it.
      pipeline(source, gunzip, () => undefined)
      return gunzip
    },
  },
  none: {
    suffix: '',
    contentType: 'application/octet-stream',
    maxLevel: 0,
    compress: (source) => streamOf(copied(source)),
    decompress: (source) => source,
  },
}

/** Checks the options and fills in their defaults. Throws `BACKUP_BAD_OPTIONS`. */
export function resolveCompression({
  algorithm = 'zstd',
  level,
  adapt,
}: BackupCompression = {}): Compression {
  const known = algorithms[algorithm] as Algorithm | undefined
  if (known === undefined) throw badOption(`"${algorithm}" is no compression; there are zstd, gzip and none`)
  if (adapt === true && algorithm !== 'zstd')
    throw badOption(`only zstd adapts its level, and ${algorithm} was asked to`)
  if (level === undefined) return withoutUndefined({ algorithm, level: known.defaultLevel, adapt })
  if (!Number.isInteger(level) || level < 1 || level > known.maxLevel) {
    throw badOption(
      known.maxLevel === 0
        ? `compression "none" has no level, and ${level} was given`
        : `the level of ${algorithm} is ${level}; it must be a whole number from 1 to ${known.maxLevel}`,
    )
  }
  return withoutUndefined({ algorithm, level, adapt })
}

export function compressionSuffix({ algorithm }: Compression): string {
  return algorithms[algorithm].suffix
}

export function compressionContentType({ algorithm }: Compression): string {
  return algorithms[algorithm].contentType
}

/** `source`, compressed; an error of `source` is an error of the result. The memory of a piece may be used again once the next one is asked for. */
export function compressionStream(source: AsyncIterable<Buffer>, compression: Compression): Readable {
  return algorithms[compression.algorithm].compress(source, compression)
}

/** `source`, decompressed. zstd that would need a window over 128 MiB, which level 19 never writes, is refused. */
export function decompressionStream(source: Readable, { algorithm }: Compression): Readable {
  return algorithms[algorithm].decompress(source)
}

/** Whether an error says that the compressed bytes are damaged. */
export function isDecompressionError(error: unknown): boolean {
  return /^(ZSTD_|Z_)/.test(String((error as NodeJS.ErrnoException | undefined)?.code))
}

function zstdAt(level: number): ZstdCompress {
  return createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
      ...(level === 1 ? { [constants.ZSTD_c_windowLog]: LEVEL_1_WINDOW_LOG } : {}),
    },
  })
}

function feeding(source: AsyncIterable<Buffer>, compressor: ZstdCompress | Gzip): Readable {
  const feed = async (): Promise<void> => {
    for await (const piece of source) await writePiece(compressor, piece)
    compressor.end()
  }
  feed().catch((error: unknown) => compressor.destroy(error as Error))
  return compressor
}

/** Resolves when the compressor has taken the piece, and its memory may be used again. */
function writePiece(compressor: ZstdCompress | ZstdDecompress | Gzip, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    compressor.write(piece, (error) => (error ? reject(error) : resolve()))
  })
}

async function* copied(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of source) yield Buffer.from(piece)
}

/** Each frame by a decompressor of its own, because Node's stops after one. */
async function* eachFrame(source: Readable): AsyncGenerator<Buffer, void, undefined> {
  const pieces = cutFrames(source)
  try {
    for (let first = await pieces.next(); first.done !== true; first = await pieces.next()) {
      const zstd = createZstdDecompress({
        chunkSize: CHUNK_BYTES,
        params: { [constants.ZSTD_d_windowLogMax]: 27 },
      })
      const fed = feedFrame(zstd, first.value, pieces).catch((error: unknown) => zstd.destroy(error as Error))
      for await (const plain of zstd) yield plain as Buffer
      await fed
    }
  } finally {
    source.destroy()
  }
}

async function feedFrame(
  zstd: ZstdDecompress,
  first: FramePiece,
  pieces: AsyncGenerator<FramePiece, void, undefined>,
): Promise<void> {
  let piece: FramePiece | void = first
  while (piece !== undefined) {
    await writePiece(zstd, piece.bytes)
    if (piece.endsFrame) break
    piece = (await pieces.next()).value
  }
  zstd.end()
}

function withoutUndefined({ algorithm, level, adapt }: Compression): Compression {
  return { algorithm, ...(level === undefined ? {} : { level }), ...(adapt === true ? { adapt } : {}) }
}

function badOption(message: string): BackupError {
  return new BackupError('BACKUP_BAD_OPTIONS', message)
}
