import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/**
 * The payload of an age file (https://c2sp.org/age, "Payload"): chunks of 64 KiB, each sealed by
 * ChaCha20-Poly1305 under its number and whether it is the last one. Node.js does it natively, about
 * ten times faster than the JavaScript of `age-encryption`, which does everything else.
 */
const CHUNK_BYTES = 64 * 1024
const TAG_BYTES = 16
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES
const NONCE_BYTES = 16
const CIPHER = 'chacha20-poly1305'
const TAG = { authTagLength: TAG_BYTES } as const

/** What was to be decrypted was not encrypted like this, or was cut or altered since. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError'
}

/** The nonce and the sealed chunks of `source`. */
export async function* sealPayload(
  source: AsyncIterable<Buffer>,
  fileKey: Uint8Array,
): AsyncGenerator<Buffer, void, undefined> {
  const nonce = randomBytes(NONCE_BYTES)
  yield nonce
  const key = payloadKey(fileKey, nonce)
  let number = 0
  for await (const { bytes, isLast } of inPieces(source, CHUNK_BYTES)) {
    const cipher = createCipheriv(CIPHER, key, chunkNonce(number++, isLast), TAG)
    const sealed = cipher.update(bytes)
    cipher.final()
    yield Buffer.concat([sealed, cipher.getAuthTag()])
  }
}

/** The reverse of {@link sealPayload}. Fails with {@link DecryptionError}; ends only after an intact last chunk. */
export async function* openPayload(
  source: AsyncIterable<Buffer>,
  fileKey: Uint8Array,
): AsyncGenerator<Buffer, void, undefined> {
  let key: Buffer | undefined
  let number = 0
  for await (const { bytes, isLast } of afterNonce(source, (nonce) => (key = payloadKey(fileKey, nonce)))) {
    if (bytes.length < TAG_BYTES) throw new DecryptionError('it ends within a chunk')
    const at = bytes.length - TAG_BYTES
    if (at === 0 && number > 0) throw new DecryptionError('its last chunk is empty')
    const decipher = createDecipheriv(CIPHER, key!, chunkNonce(number++, isLast), TAG)
    decipher.setAuthTag(bytes.subarray(at))
    const plain = decipher.update(bytes.subarray(0, at))
    try {
      decipher.final()
    } catch {
      throw new DecryptionError(`chunk ${number} was altered, cut off or put in another place`)
    }
    if (plain.length > 0) yield plain
  }
}

async function* afterNonce(
  source: AsyncIterable<Buffer>,
  onNonce: (nonce: Buffer) => void,
): AsyncGenerator<Piece, void, undefined> {
  let head: Buffer | undefined = Buffer.alloc(0)
  async function* rest(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of source) {
      if (head === undefined) {
        yield chunk
        continue
      }
      head = Buffer.concat([head, chunk])
      if (head.length < NONCE_BYTES) continue
      onNonce(head.subarray(0, NONCE_BYTES))
      const first = head.subarray(NONCE_BYTES)
      head = undefined
      yield first
    }
    if (head !== undefined) throw new DecryptionError('it ends before its first chunk')
  }
  yield* inPieces(rest(), SEALED_BYTES)
}

interface Piece {
  readonly bytes: Buffer
  readonly isLast: boolean
}

/** Cuts into pieces of `size` bytes; the last one, which may be shorter, is known to be the last. A piece is valid until the next one is asked for. */
async function* inPieces(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<Piece, void, undefined> {
  const piece = Buffer.allocUnsafeSlow(size)
  let filled = 0
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length;) {
      if (filled === size) {
        yield { bytes: piece, isLast: false }
        filled = 0
      }
      const copied = chunk.copy(piece, filled, taken)
      taken += copied
      filled += copied
    }
  }
  yield { bytes: piece.subarray(0, filled), isLast: true }
}

function payloadKey(fileKey: Uint8Array, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/** 11 bytes of the chunk's number, big-endian, and 1 for the last chunk. */
function chunkNonce(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}
