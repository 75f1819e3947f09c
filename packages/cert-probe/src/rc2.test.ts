import { describe, expect, it } from 'vitest'
import { decryptRc2Cbc } from './rc2.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const PADDING = Buffer.alloc(8, 8)

describe('RC2', () => {
  // RFC 2268, section 5.
  it.each([
    ['0000000000000000', 63, '0000000000000000', 'ebb773f993278eff'],
    ['ffffffffffffffff', 64, 'ffffffffffffffff', '278b27e42e2f0d49'],
    ['3000000000000000', 64, '1000000000000001', '30649edf9be7d2c2'],
    ['88', 64, '0000000000000000', '61a8a244adacccf0'],
    ['88bca90e90875a', 64, '0000000000000000', '6ccf4308974c267f'],
    ['88bca90e90875a7f0f79c384627bafb2', 64, '0000000000000000', '1a807d272bbe5db1'],
    ['88bca90e90875a7f0f79c384627bafb2', 128, '0000000000000000', '2269552ab0f85ca6'],
    [
      '88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e',
      129,
      '0000000000000000',
      '5b78d3a43dfff1f1',
    ],
  ])('decrypts the vector of key %s, %i bits', (key, bits, plaintext, ciphertext) => {
    // With this initialisation vector the block turns out to be padding and nothing else.
    const iv = hex(plaintext).map((octet, index) => octet ^ PADDING[index]!)
    expect(decryptRc2Cbc(hex(ciphertext), hex(key), Buffer.from(iv), bits)).toEqual(Buffer.alloc(0))
    expect(() => decryptRc2Cbc(hex(ciphertext), hex(key), Buffer.alloc(8, 0xff), bits)).toThrow('padding')
  })

  it.each(['', 'ebb773f993278e'])('refuses a ciphertext that is cut off: "%s"', (ciphertext) => {
    expect(() => decryptRc2Cbc(hex(ciphertext), hex('88'), PADDING, 40)).toThrow('cut off')
  })
})
