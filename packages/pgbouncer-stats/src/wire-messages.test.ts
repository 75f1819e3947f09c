import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createMessageSplitter,
  decodeColumnNames,
  decodeFields,
  decodeRow,
  queryMessage,
  WireFormatError,
} from './wire-messages.ts'

const message = (type: string, body: Uint8Array): Buffer => {
  const header = Buffer.alloc(5)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

const rowOf = (...values: (Buffer | null)[]): Buffer => {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(values.length)
  return Buffer.concat([
    count,
    ...values.flatMap((value) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(value?.length ?? -1)
      return value === null ? [length] : [length, value]
    }),
  ])
}

const outcomeOf = (act: () => unknown): unknown => {
  try {
    act()
    return 'decoded'
  } catch (error) {
    return error
  }
}

describe('wire messages', () => {
  it('come out whole, however the bytes were cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 20 })), (contents, cuts) => {
        const bytes = Buffer.concat(contents.map((body) => message('D', body)))
        const splitter = createMessageSplitter()
        const seen: Buffer[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          for (const each of splitter.push(bytes.subarray(at, at + cut))) seen.push(Buffer.from(each.body))
          at += cut
        }
        for (const each of splitter.push(bytes.subarray(at))) seen.push(Buffer.from(each.body))
        expect(seen).toEqual(contents.map((body) => Buffer.from(body)))
      }),
    )
  })

  it('of an impossible length are refused', () => {
    for (const length of [-1, 0, 3, 0x7fffffff]) {
      const bytes = Buffer.from('D0000')
      bytes.writeInt32BE(length, 1)
      expect(() => createMessageSplitter().push(bytes)).toThrow(WireFormatError)
    }
  })

  it('of any content are decoded or refused, and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        const body = Buffer.from(content)
        const outcomes = [decodeRow, decodeColumnNames, decodeFields].map((decode) =>
          outcomeOf(() => decode(body)),
        )
        expect(outcomes.every((outcome) => outcome === 'decoded' || outcome instanceof WireFormatError)).toBe(
          true,
        )
      }),
    )
  })

  it('tell NULL from an empty value, and name what is not UTF-8', () => {
    expect(
      decodeRow(rowOf(null, Buffer.from(''), Buffer.from('é\uFFFD'), Buffer.from([0x61, 0xff]))),
    ).toEqual([null, '', 'é\uFFFD', '<invalid>'])
  })

  it('carry a command with no way to smuggle in a second one', () => {
    expect(queryMessage('SHOW POOLS\0Q').toString('latin1')).toBe('Q\0\0\0\u0010SHOW POOLSQ\0')
  })
})
