import { ArchiveError } from './archive-error.ts'

/**
 * A parser that can stop wherever the bytes happen to end: it yields when it needs more of them, and
 * goes on where it was when they have come.
 */
export type Reading<T> = Generator<void, T, void>

/** The bytes of an archive, in the primitives that pg_dump writes; all of it hostile until checked. */
export interface ByteSource {
  /** Gives the next bytes; the ones before must be used up. They are not looked at after the reading yields. */
  feed(chunk: Uint8Array): void
  /** Bytes used up since the start of the archive. */
  readonly offset: number
  /** Bytes at hand that are not used up. */
  readonly unread: number
  byte(): Reading<number>
  /** A sign byte and 32 bits, little-endian. */
  int(): Reading<number>
  /** A string, or undefined where the archive has a null. `what` names it when it is longer than `limit` bytes. */
  text(what: string, limit?: number): Reading<string | undefined>
  /** Hands a string of any length to `sink` piece by piece, and returns whether there was one. */
  field(sink: (piece: Uint8Array) => void): Reading<boolean>
  /** Hands the next `length` bytes to `sink` piece by piece. */
  pieces(length: number, sink: (piece: Uint8Array) => void): Reading<void>
  /** The bytes at hand, at least one. Say with `skip` how many of them were used up. */
  rest(): Reading<Uint8Array>
  skip(length: number): void
  /** The error for bytes that cannot be right. */
  corrupt(problem: string): ArchiveError
}

/** Names and signatures are far shorter; the COPY statement of 1,600 columns has about 100 kB. */
const TEXT_LIMIT_BYTES = 4 * 1024 * 1024

const NO_BYTES = new Uint8Array(0)

export function createByteSource(): ByteSource {
  let chunk: Uint8Array = NO_BYTES
  let position = 0
  let before = 0

  const source: ByteSource = {
    feed(next) {
      before += chunk.length
      chunk = next
      position = 0
    },
    get offset() {
      return before + position
    },
    get unread() {
      return chunk.length - position
    },
    *byte() {
      while (position === chunk.length) yield
      return chunk[position++]!
    },
    *int() {
      const sign = yield* source.byte()
      if (sign > 1) throw source.corrupt(`a number has the sign ${sign}`)
      let magnitude = 0
      for (let shift = 0; shift < 32; shift += 8) magnitude += (yield* source.byte()) * 2 ** shift
      return sign === 0 ? magnitude : -magnitude
    },
    *text(what, limit = TEXT_LIMIT_BYTES) {
      const length = yield* source.int()
      if (length < 0) return undefined
      if (length > limit)
        throw source.corrupt(`${what} has ${length} bytes, more than the ${limit} that are believable`)
      const pieces: Buffer[] = []
      yield* source.pieces(length, (piece) => pieces.push(Buffer.from(piece)))
      return decodeText(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    },
    *field(sink) {
      const length = yield* source.int()
      if (length < 0) return false
      yield* source.pieces(length, sink)
      return true
    },
    *pieces(length, sink) {
      for (let left = length; left > 0;) {
        const bytes = yield* source.rest()
        const piece = bytes.subarray(0, left)
        sink(piece)
        source.skip(piece.length)
        left -= piece.length
      }
    },
    *rest() {
      while (position === chunk.length) yield
      return chunk.subarray(position)
    },
    skip(length) {
      position += length
    },
    corrupt(problem) {
      return new ArchiveError(
        'ARCHIVE_CORRUPT',
        `the archive is damaged at byte ${source.offset}: ${problem}; what follows cannot be trusted, so use another backup, or take a new one`,
        { details: { offset: source.offset } },
      )
    },
  }
  return source
}

/**
 * Names come in the dump's encoding, which need not be UTF-8. Where they are not, their other bytes
 * are written as `\xE9`, so that two different names stay different.
 */
function decodeText(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\u{FFFD}') || Buffer.from(text, 'utf8').equals(bytes)) return text
  return bytes
    .toString('latin1')
    .replaceAll(/[\u0080-\u00FF]/g, (char) => `\\x${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
