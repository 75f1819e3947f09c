import { DerError } from './der.ts'

/**
 * RC2 in CBC mode (RFC 2268), decryption only. Nobody should encrypt with it, and OpenSSL has it no
 * more; but for twenty years Windows, Java and OpenSSL wrote PKCS#12 with its 40-bit variant.
 */
export function decryptRc2Cbc(ciphertext: Buffer, key: Buffer, iv: Buffer, effectiveBits: number): Buffer {
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0 || iv.length !== BLOCK)
    throw new DerError('its ciphertext is cut off')
  const words = expandKey(key, effectiveBits)
  const plaintext = Buffer.alloc(ciphertext.length)
  let previous = iv
  for (let at = 0; at < ciphertext.length; at += BLOCK) {
    const block = ciphertext.subarray(at, at + BLOCK)
    const decrypted = decryptBlock(block, words)
    for (let index = 0; index < BLOCK; index += 1)
      plaintext[at + index] = decrypted[index]! ^ previous[index]!
    previous = block
  }
  return withoutPadding(plaintext)
}

const BLOCK = 8

/** PKCS#7. */
function withoutPadding(plaintext: Buffer): Buffer {
  const length = plaintext.at(-1)!
  const padding = plaintext.subarray(-length)
  if (length < 1 || length > BLOCK || padding.some((octet) => octet !== length))
    throw new DerError('its padding is wrong')
  return plaintext.subarray(0, -length)
}

/** Section 2: 64 words of 16 bits. */
function expandKey(key: Buffer, effectiveBits: number): Uint16Array {
  const expanded = Buffer.alloc(128)
  key.copy(expanded)
  for (let index = key.length; index < 128; index += 1)
    expanded[index] = PI_TABLE[(expanded[index - 1]! + expanded[index - key.length]!) & 0xff]!
  const octets = Math.ceil(effectiveBits / 8)
  const mask = 0xff >> (8 * octets - effectiveBits)
  expanded[128 - octets] = PI_TABLE[expanded[128 - octets]! & mask]!
  for (let index = 127 - octets; index >= 0; index -= 1)
    expanded[index] = PI_TABLE[expanded[index + 1]! ^ expanded[index + octets]!]!
  return Uint16Array.from({ length: 64 }, (_, index) => expanded.readUInt16LE(index * 2))
}

const ROTATIONS = [1, 2, 3, 5] as const

/** Section 4: five rounds, a mashing round, six, another, five, all backwards. */
function decryptBlock(block: Buffer, key: Uint16Array): Buffer {
  const words = Uint16Array.from({ length: 4 }, (_, index) => block.readUInt16LE(index * 2))
  let next = 63
  const mix = (): void => {
    for (let index = 3; index >= 0; index -= 1) {
      const rotation = ROTATIONS[index]!
      const word = words[index]!
      const rotated = (word >> rotation) | (word << (16 - rotation))
      const [a, b, c] = [words[(index + 3) & 3]!, words[(index + 2) & 3]!, words[(index + 1) & 3]!]
      words[index] = rotated - key[next]! - (a & b) - (~a & c)
      next -= 1
    }
  }
  const mash = (): void => {
    for (let index = 3; index >= 0; index -= 1)
      words[index] = words[index]! - key[words[(index + 3) & 3]! & 63]!
  }
  for (let round = 0; round < 16; round += 1) {
    if (round === 5 || round === 11) mash()
    mix()
  }
  const decrypted = Buffer.alloc(BLOCK)
  for (const [index, word] of words.entries()) decrypted.writeUInt16LE(word, index * 2)
  return decrypted
}

/** Section 2: a permutation of all octets, made from the digits of pi. */
const PI_TABLE = Buffer.from(
  [
    'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2',
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82',
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626',
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7',
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec',
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731',
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9',
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  ].join(''),
  'hex',
)
