import {
  createArchiveReader,
  type ArchiveContents,
  type ArchiveReader,
  type ArchiveReaderOptions,
} from './archive-reader.ts'

/** Reads an archive to its end. Rejects with `ArchiveError`, or with what the stream fails with. */
export async function readArchive(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ArchiveReaderOptions = {},
): Promise<ArchiveContents> {
  const reader = createArchiveReader(options)
  for await (const chunk of stream) reader.write(chunk)
  return reader.end()
}

/** Passes a stream through unchanged, and lets `reader` see each chunk before it goes on. Ends with `reader.end()` uncalled. */
export async function* tap<Chunk extends Uint8Array>(
  stream: AsyncIterable<Chunk> | Iterable<Chunk>,
  reader: ArchiveReader,
): AsyncGenerator<Chunk, void, undefined> {
  for await (const chunk of stream) {
    reader.write(chunk)
    yield chunk
  }
}
