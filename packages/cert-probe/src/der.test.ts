import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DerError,
  readChildren,
  readElement,
  readOid,
  readTime,
  readWhole,
  TAG,
  writeElement,
  writeOid,
} from './der.ts'

describe('reading DER', () => {
  it('reads back whatever was written', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70_000 }),
        fc.integer({ min: 0, max: 30 }),
        (content, number) => {
          const element = readWhole(writeElement(number, content))
          expect(element.tag).toBe(number)
          expect(element.content.equals(content)).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('reads back object identifiers', () => {
    for (const oid of [
      '1.2.840.113549.1.1.11',
      '2.5.4.3',
      '1.3.101.112',
      '2.16.840.1.101.3.4.2.1',
      '0.9.2342.19200300.100.1.25',
    ]) {
      expect(readOid(readElement(writeOid(oid)))).toBe(oid)
    }
  })

  it('throws nothing but DerError at garbage, whatever it is', () => {
    const walk = (bytes: Buffer, depth: number): void => {
      for (const child of readChildren(readElement(bytes)))
        if (depth < 20 && (child.tag & 0x20) !== 0) walk(child.raw, depth + 1)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusalOf(() => walk(Buffer.from(bytes), 0))).toSatisfy(isReadOrRefused)
      }),
    )
  })

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a length beyond the end', '3005010100'],
    ['an indefinite length', '30800000'],
    ['a length of five octets', '30850000000001ff'],
    ['a long tag', '1f8101'],
  ])('refuses %s', (_what, hex) => {
    expect(() => readWhole(Buffer.from(hex, 'hex'))).toThrow(DerError)
  })

  it.each([
    ['17', '491231235959Z', '2049-12-31T23:59:59.000Z'],
    ['17', '500101000000Z', '1950-01-01T00:00:00.000Z'],
    ['18', '99991231235959Z', '9999-12-31T23:59:59.000Z'],
    ['18', '20260101000000+0130', '2025-12-31T22:30:00.000Z'],
  ])('reads the time %s %s', (tag, text, iso) => {
    const element = readElement(writeElement(Number.parseInt(tag, 16), Buffer.from(text)))
    expect(new Date(readTime(element)).toISOString()).toBe(iso)
  })

  it.each(['260230000000Z', '2601010000', '269901000000Z', '260101250000Z'])(
    'refuses the time %s',
    (text) => {
      expect(() => readTime(readElement(writeElement(0x17, Buffer.from(text))))).toThrow(DerError)
    },
  )

  it('refuses an object identifier that is cut off', () => {
    expect(() => readOid(readElement(writeElement(TAG.oid, Buffer.from([0x2a, 0x86]))))).toThrow(DerError)
  })
})

function refusalOf(read: () => unknown): unknown {
  try {
    read()
    return undefined
  } catch (error) {
    return error
  }
}

function isReadOrRefused(error: unknown): boolean {
  return error === undefined || error instanceof DerError
}
