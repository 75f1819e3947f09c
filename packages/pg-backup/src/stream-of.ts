import { PassThrough, pipeline, type Readable } from 'node:stream'

/**
 * A generator's pieces as a stream that can be destroyed at any time. `Readable.from` alone waits for
 * the piece that the generator is at, which a source that stands still may never give.
 */
export function streamOf(pieces: AsyncGenerator<Buffer, void, undefined>): Readable {
  const stream = new PassThrough()
  // `pipeline` hands every error on to `stream`, where the reader meets it.
  pipeline(pieces, stream, () => undefined)
  return stream
}
