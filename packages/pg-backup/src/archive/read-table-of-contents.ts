import { ArchiveError } from './archive-error.ts'
import type { ArchiveFormat } from './archive-header.ts'
import { createByteSource } from './byte-source.ts'
import type { TocEntry } from './toc-entry.ts'
import { readToc } from './toc.ts'

/**
 * Reads an archive as far as its table of contents goes, and leaves the rest: the beginning of a custom
 * archive, or a directory archive's `toc.dat`. Rejects with `ArchiveError`, or with what the stream fails with.
 */
export async function readTableOfContents(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  format: ArchiveFormat,
): Promise<TocEntry[]> {
  const source = createByteSource()
  const parsing = readToc(source, format, () => undefined)
  for await (const chunk of stream) {
    source.feed(chunk)
    const step = parsing.next()
    if (step.done === true) return step.value.entries
  }
  throw new ArchiveError(
    'ARCHIVE_TRUNCATED',
    `the archive ends at byte ${source.offset}, in its table of contents; use another backup`,
    { details: { offset: source.offset } },
  )
}
