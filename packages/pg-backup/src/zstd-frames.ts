/**
 * Where zstd frames end (RFC 8878, 3.1.1). Data may be several frames, one after the other, and
 * `zstd -d` reads them all; Node's decompressor stops somewhere behind the first.
 */
export interface FramePiece {
  readonly bytes: Buffer
  /** These are the last bytes of a frame. */
  readonly endsFrame: boolean
}

/** Bytes that are not zstd data; its code begins as those of `node:zlib` do. */
class ZstdFrameError extends Error {
  override readonly name = 'ZstdFrameError'
  readonly code = 'ZSTD_FRAME'
}

const MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

/** Cuts `source` at the ends of its frames. That the last frame is whole is for its decompressor to see. */
export async function* cutFrames(source: AsyncIterable<Buffer>): AsyncGenerator<FramePiece, void, undefined> {
  let walk = walkFrame()
  let step = walk.next()
  let field = Buffer.alloc(0)
  for await (const piece of source) {
    let from = 0
    for (let at = 0; at < piece.length;) {
      const { length, isRead } = step.value as Step
      const missing = length - field.length
      const got = piece.subarray(at, at + missing)
      at += got.length
      field = isRead ? Buffer.concat([field, got]) : field
      if (got.length < missing) {
        if (!isRead) step.value = { length: missing - got.length, isRead }
        continue
      }
      step = walk.next(field)
      field = Buffer.alloc(0)
      if (step.done !== true) continue
      yield { bytes: piece.subarray(from, at), endsFrame: true }
      from = at
      walk = walkFrame()
      step = walk.next()
    }
    if (from < piece.length) yield { bytes: piece.subarray(from), endsFrame: false }
  }
}

/** The next bytes of a frame: how many, and whether their content says how it goes on. */
interface Step {
  readonly length: number
  readonly isRead: boolean
}

function* walkFrame(): Generator<Step, void, Buffer> {
  const magic = (yield read(4)).readUInt32LE()
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    const length = (yield read(4)).readUInt32LE()
    if (length > 0) yield skip(length)
    return
  }
  if (magic !== MAGIC) throw new ZstdFrameError('it does not begin as zstd data does')
  const descriptor = (yield read(1))[0]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const contentSizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6]!
  yield* skipping(
    (isSingleSegment ? 0 : 1) +
      DICTIONARY_ID_BYTES[descriptor & 3]! +
      (contentSizeBytes === 0 && isSingleSegment ? 1 : contentSizeBytes),
  )
  for (let isLast = false; !isLast;) {
    const header = (yield read(3)).readUIntLE(0, 3)
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK) throw new ZstdFrameError('it has a block of an unknown kind')
    yield* skipping(type === RLE_BLOCK ? 1 : header >> 3)
    isLast = (header & 1) === 1
  }
  if ((descriptor & 4) !== 0) yield skip(4)
}

function* skipping(length: number): Generator<Step, void, Buffer> {
  if (length > 0) yield skip(length)
}

function read(length: number): Step {
  return { length, isRead: true }
}

function skip(length: number): Step {
  return { length, isRead: false }
}
