/**
 * A reader of DER (X.690) for bytes that a stranger sent: it never recurses, never copies, and never
 * looks beyond the element it was given, so that its work is linear in the input whatever that says.
 */

/** One element: its identifier octet, its content, and both with the length between them. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly raw: Buffer
}

/** The bytes are not DER, or not of the expected structure. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** Identifier octets of the universal types that certificates use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const

/** The identifier octet of `[number]`, constructed unless said otherwise. */
export function contextTag(number: number, kind: 'constructed' | 'primitive' = 'constructed'): number {
  return (kind === 'constructed' ? 0xa0 : 0x80) | number
}

/** The element at `offset`; what follows it is left alone. */
export function readElement(bytes: Buffer, offset = 0): DerElement {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined) throw new DerError('it ends in the middle of an element')
  if ((tag & 0x1f) === 0x1f) throw new DerError('it has a tag number above 30')
  let start = offset + 2
  let length = first
  if (first >= 0x80) {
    const octets = first & 0x7f
    if (octets === 0) throw new DerError('it has an element of indefinite length, which DER forbids')
    if (octets > 4) throw new DerError('it has an element longer than 4 GiB')
    if (start + octets > bytes.length) throw new DerError('it ends in the middle of an element')
    length = bytes.readUIntBE(start, octets)
    start += octets
  }
  if (start + length > bytes.length) throw new DerError('it ends in the middle of an element')
  return { tag, content: bytes.subarray(start, start + length), raw: bytes.subarray(offset, start + length) }
}

/** The only element of `bytes`. */
export function readWhole(bytes: Buffer, tag?: number): DerElement {
  const element = readElement(bytes)
  if (element.raw.length !== bytes.length) throw new DerError('it has bytes after its end')
  return tag === undefined ? element : expectTag(element, tag)
}

/** The elements inside a constructed element. */
export function readChildren(element: DerElement): DerElement[] {
  const children: DerElement[] = []
  for (let offset = 0; offset < element.content.length;) {
    const child = readElement(element.content, offset)
    children.push(child)
    offset += child.raw.length
  }
  return children
}

/** `element`, which must be there and have `tag`. */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) {
    const found = element === undefined ? 'nothing' : `0x${element.tag.toString(16)}`
    throw new DerError(`it has ${found} where 0x${tag.toString(16)} is expected`)
  }
  return element
}

/** The elements of a SEQUENCE. */
export function readSequence(element: DerElement | undefined, tag: number = TAG.sequence): DerElement[] {
  return readChildren(expectTag(element, tag))
}

/** `1.2.840.113549.1.1.11` */
export function readOid(element: DerElement | undefined): string {
  const { content } = expectTag(element, TAG.oid)
  const arcs: bigint[] = []
  let arc = 0n
  for (const [index, octet] of content.entries()) {
    // An arc of 2^63 has nine octets; longer ones only cost time.
    if (arc >= 1n << 63n) throw new DerError('it has an object identifier with an arc above 2^63')
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    if (octet >= 0x80) {
      if (index === content.length - 1) throw new DerError('it has an object identifier that is cut off')
      continue
    }
    arcs.push(arc)
    arc = 0n
  }
  const first = arcs.shift()
  if (first === undefined) throw new DerError('it has an empty object identifier')
  const root = first < 80n ? first / 40n : 2n
  return [root, first - root * 40n, ...arcs].join('.')
}

/** A small INTEGER or ENUMERATED. */
export function readSmallInteger(element: DerElement | undefined, tag: number = TAG.integer): number {
  const { content } = expectTag(element, tag)
  if (content.length === 0 || content.length > 6) throw new DerError('it has an integer out of range')
  return content.readIntBE(0, content.length)
}

/** The octets of a BIT STRING, and how many bits of the last one do not count. */
export function readBitString(element: DerElement | undefined): { bytes: Buffer; unusedBits: number } {
  const { content } = expectTag(element, TAG.bitString)
  const unusedBits = content[0]
  if (unusedBits === undefined || unusedBits > 7) throw new DerError('it has a malformed bit string')
  return { bytes: content.subarray(1), unusedBits }
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?(Z|[+-]\d{4})$/

/** A UTCTime or GeneralizedTime, in milliseconds since 1970. */
export function readTime(element: DerElement | undefined): number {
  const isUtcTime = element?.tag === 0x17
  if (!isUtcTime && element?.tag !== 0x18) throw new DerError('it has no time where one is expected')
  const match = (isUtcTime ? UTC_TIME : GENERALIZED_TIME).exec(element.content.toString('latin1'))
  if (match === null) throw new DerError('it has a malformed time')
  const parts = match.slice(1, 7).map((part) => Number(part))
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = parts
  // The seconds may be missing in a UTCTime of old.
  const second = match[6] === undefined ? 0 : Number(match[6])
  // RFC 5280, 4.1.2.5.1: two-digit years from 50 on are of the last century.
  const fullYear = isUtcTime ? year + (year >= 50 ? 1900 : 2000) : year
  const time = new Date(0)
  time.setUTCFullYear(fullYear, month - 1, day)
  time.setUTCHours(hour, minute, second)
  const isReal =
    time.getUTCMonth() === month - 1 && time.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  if (!isReal) throw new DerError('it has a time that does not exist')
  return time.getTime() - offsetMs(match[7]!)
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3))
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000
}

/** The text of a string type; types that are not text give `undefined`. */
export function readText(element: DerElement): string | undefined {
  switch (element.tag) {
    case 0x0c: // UTF8String
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      return element.content.toString('utf8')
    case 0x14: // TeletexString, which in practice is Latin-1
      return element.content.toString('latin1')
    case 0x1e: // BMPString
      return element.content.length % 2 === 0
        ? Buffer.from(element.content).swap16().toString('utf16le')
        : undefined
    default:
      return undefined
  }
}

/** Writes one element. */
export function writeElement(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  const significant = length.subarray(length.findIndex((octet) => octet !== 0))
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, body])
}

/** Writes an OBJECT IDENTIFIER. */
export function writeOid(oid: string): Buffer {
  const [first, second, ...rest] = oid.split('.').map(Number) as [number, number, ...number[]]
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return writeElement(TAG.oid, Buffer.from(octets))
}
