import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { berToDer } from './ber.ts'
import { DerError, TAG, writeElement } from './der.ts'

interface Tree {
  readonly tag: number
  readonly content: Uint8Array | readonly Tree[]
}

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.record({
      tag: fc.constantFrom(TAG.integer, TAG.oid, TAG.octetString, 0x80),
      content: fc.uint8Array({ maxLength: 300 }),
    }),
    fc.record({
      tag: fc.constantFrom(TAG.sequence, TAG.set, 0xa0),
      content: fc.array(tie('tree'), { maxLength: 4 }),
    }),
  ),
}))

function asDer({ tag, content }: Tree): Buffer {
  return content instanceof Uint8Array
    ? writeElement(tag, content)
    : writeElement(tag, ...content.map((child) => asDer(child)))
}

/** The same with indefinite lengths, and octet strings in parts of seven octets. */
function asBer({ tag, content }: Tree): Buffer {
  const endless = (identifier: number, parts: readonly Buffer[]): Buffer =>
    Buffer.concat([Buffer.from([identifier, 0x80]), ...parts, Buffer.from([0, 0])])
  if (!(content instanceof Uint8Array))
    return endless(
      tag,
      content.map((child) => asBer(child)),
    )
  if (tag !== TAG.octetString) return writeElement(tag, content)
  const parts = Array.from({ length: Math.ceil(content.length / 7) }, (_, index) =>
    writeElement(TAG.octetString, content.subarray(index * 7, index * 7 + 7)),
  )
  return endless(0x24, parts)
}

describe('BER as DER', () => {
  it('makes lengths definite and joins octet strings, and leaves DER as it is', () => {
    fc.assert(
      fc.property(tree, (each) => {
        expect(berToDer(asBer(each)).equals(asDer(each))).toBe(true)
        expect(berToDer(asDer(each)).equals(asDer(each))).toBe(true)
      }),
    )
  })

  it('throws nothing but DerError at garbage', () => {
    const unexpected = (bytes: Uint8Array): unknown => {
      try {
        berToDer(Buffer.from(bytes))
        return undefined
      } catch (error) {
        return error instanceof DerError ? undefined : error
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(unexpected(bytes)).toBeUndefined()
      }),
    )
  })

  it.each([
    ['no end', '3080020101'],
    ['a primitive element without a length', '0480010203'],
    ['a length beyond the end', '3005010100'],
    ['a part that is no octet string', '24800201010000'],
    ['nested a thousand times', '3080'.repeat(1000)],
  ])('refuses %s', (_what, hex) => {
    expect(() => berToDer(Buffer.from(hex, 'hex'))).toThrow(DerError)
  })
})
