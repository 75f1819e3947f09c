import { DerError, readWhole, TAG, writeElement } from './der.ts'

const CONSTRUCTED = 0x20
const MAX_DEPTH = 32

/**
 * Elements in BER (X.690) as DER: lengths that are indefinite become definite, and octet strings that
 * come in parts become one. Firefox, Java libraries and macOS write PKCS#12 in this way, as streams.
 */
export function berToDer(bytes: Buffer): Buffer {
  return Buffer.concat(readAll(bytes, 0, bytes.length, 0).elements)
}

/** The octets of an octet string that was written in parts, each an octet string itself. */
export function joinParts(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.map((part) => readWhole(part, TAG.octetString).content))
}

interface Read {
  readonly elements: Buffer[]
  /** Where reading stopped: behind the end marker, if there was one. */
  readonly end: number
}

/** The elements up to `limit`, or to the marker that ends an indefinite length (`limit` undefined). */
function readAll(bytes: Buffer, start: number, limit: number | undefined, depth: number): Read {
  if (depth > MAX_DEPTH) throw new DerError('it is nested too deeply')
  const elements: Buffer[] = []
  let at = start
  while (at < (limit ?? Number.POSITIVE_INFINITY)) {
    const tag = octet(bytes, at)
    if (limit === undefined && tag === 0 && octet(bytes, at + 1) === 0) return { elements, end: at + 2 }
    if ((tag & 0x1f) === 0x1f) throw new DerError('it has a tag of several octets')
    const header = readLength(bytes, at + 1)
    const contentEnd = header.length === undefined ? undefined : header.start + header.length
    if (contentEnd !== undefined && contentEnd > (limit ?? bytes.length))
      throw new DerError('it ends in the middle of an element')
    if ((tag & CONSTRUCTED) === 0) {
      if (contentEnd === undefined) throw new DerError('it has a primitive element of indefinite length')
      elements.push(writeElement(tag, bytes.subarray(header.start, contentEnd)))
      at = contentEnd
    } else {
      const inner = readAll(bytes, header.start, contentEnd, depth + 1)
      elements.push(
        tag === (TAG.octetString | CONSTRUCTED)
          ? writeElement(TAG.octetString, joinParts(inner.elements))
          : writeElement(tag, ...inner.elements),
      )
      at = inner.end
    }
  }
  if (limit === undefined) throw new DerError('it ends in the middle of an element')
  return { elements, end: at }
}

/** `length` is undefined where it is indefinite; the content begins at `start`. */
function readLength(bytes: Buffer, at: number): { start: number; length: number | undefined } {
  const first = octet(bytes, at)
  if (first < 0x80) return { start: at + 1, length: first }
  const octets = first & 0x7f
  if (octets === 0) return { start: at + 1, length: undefined }
  if (octets > 4) throw new DerError('it has an element longer than 4 GiB')
  if (at + 1 + octets > bytes.length) throw new DerError('it ends in the middle of an element')
  return { start: at + 1 + octets, length: bytes.readUIntBE(at + 1, octets) }
}

function octet(bytes: Buffer, at: number): number {
  const value = bytes[at]
  if (value === undefined) throw new DerError('it ends in the middle of an element')
  return value
}
