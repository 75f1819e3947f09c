import {
  createArchiveReader,
  type ArchiveContents,
  type ArchiveReader,
  type ArchiveReaderOptions,
} from './archive-reader.ts'

/**
 * Reads an archive to its end. Rejects with `ArchiveError`, or with what the stream fails with.
 *
 * @example
 * ```ts
 * import { createReadStream } from 'node:fs'
 * import { readArchive } from '@ops/pg-backup/archive'
 *
 * const { tables } = await readArchive(createReadStream('app.dump'))
 * for (const { schema, name, rows, digest } of tables) console.log(`${schema}.${name}`, rows, digest)
 * ```
 */
export async function readArchive(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ArchiveReaderOptions = {},
): Promise<ArchiveContents> {
  const reader = createArchiveReader(options)
  for await (const chunk of stream) reader.write(chunk)
  return reader.end()
}

/**
 * Passes a stream through unchanged, and lets `reader` see each chunk before it goes on. Ends with `reader.end()` uncalled.
 *
 * @example
 * ```ts
 * import { createReadStream, createWriteStream } from 'node:fs'
 * import { Readable } from 'node:stream'
 * import { pipeline } from 'node:stream/promises'
 * import { createArchiveReader, tap } from '@ops/pg-backup/archive'
 *
 * const reader = createArchiveReader()
 * const dump: AsyncIterable<Buffer> = createReadStream('app.dump')
 * await pipeline(Readable.from(tap(dump, reader)), createWriteStream('copy.dump'))
 * console.log(reader.end().tables.length)
 * ```
 */
export async function* tap<Chunk extends Uint8Array>(
  stream: AsyncIterable<Chunk> | Iterable<Chunk>,
  reader: ArchiveReader,
): AsyncGenerator<Chunk, void, undefined> {
  for await (const chunk of stream) {
    reader.write(chunk)
    yield chunk
  }
}
