import { buffer } from 'node:stream/consumers'
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { DecryptionError } from './age-payload.ts'
import { checkEncryption, createUnlocker, encrypt, parseIdentities, type BackupKeys } from './encryption.ts'

const CHUNK_BYTES = 64 * 1024

let identity: string
let recipient: string
let other: { identity: string; recipient: string }

beforeAll(async () => {
  identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
  const another = await generateX25519Identity()
  other = { identity: another, recipient: await identityToRecipient(another) }
})

/** `bytes`, cut at random, in memory that is used again for the next piece, as a source's may be. */
async function* inReusedMemory(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(pieceBytes)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const length = bytes.copy(memory, 0, at)
    yield memory.subarray(0, length)
    memory.fill(0xee)
  }
}

function numbered(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at)
  return bytes
}

async function encrypted(plain: Buffer, pieceBytes = 10_000): Promise<Buffer> {
  return buffer(encrypt(inReusedMemory(plain, pieceBytes), { recipients: [recipient] }))
}

async function decrypted(stored: Buffer, keys: BackupKeys, pieceBytes = 10_000): Promise<Buffer> {
  const unlocker = createUnlocker(keys, 'the backup', [recipient])
  return buffer(unlocker.decrypt(inReusedMemory(stored, pieceBytes)))
}

/** Sizes around the edges of chunks, where a last chunk is full, missing or of one byte. */
const anySize = fc.oneof(
  fc.nat(100),
  fc.integer({ min: -2, max: 2 }).map((offset) => CHUNK_BYTES + offset),
  fc.integer({ min: -2, max: 2 }).map((offset) => 2 * CHUNK_BYTES + offset),
  fc.nat(300_000),
)

describe('an encrypted object', () => {
  it('comes back with the identity, however it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.integer({ min: 1000, max: 200_000 }), async (size, pieceBytes) => {
        const plain = numbered(size)
        const stored = await encrypted(plain, pieceBytes)
        expect((await decrypted(stored, { identities: [identity] }, pieceBytes)).equals(plain)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('is what another implementation of age reads and writes', async () => {
    for (const size of [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES - 1]) {
      const plain = numbered(size)
      const decrypter = new Decrypter()
      decrypter.addIdentity(identity)
      expect(Buffer.from(await decrypter.decrypt(await encrypted(plain))).equals(plain)).toBe(true)
      const encrypter = new Encrypter()
      encrypter.addRecipient(recipient)
      const theirs = Buffer.from(await encrypter.encrypt(plain))
      expect((await decrypted(theirs, { identities: [identity] })).equals(plain)).toBe(true)
    }
  })

  it('has a key of its own each time', async () => {
    const header = (stored: Buffer): string => stored.toString('latin1').split('\n---')[0]!
    expect(header(await encrypted(numbered(10)))).not.toBe(header(await encrypted(numbered(10))))
  })

  it('opens with any one of its recipients, and with the one key that fits among several', async () => {
    const plain = numbered(1000)
    const recipients = [recipient, other.recipient]
    const stored = await buffer(encrypt(inReusedMemory(plain, 100), { recipients }))
    const identities = [await generateX25519Identity(), other.identity]
    expect((await decrypted(stored, { identities })).equals(plain)).toBe(true)
  })

  it('opens with its passphrase alone, as another implementation of age does', async () => {
    const plain = numbered(100)
    const stored = await buffer(encrypt(inReusedMemory(plain, 100), { passphrase: 'seven wooden horses' }))
    expect((await decrypted(stored, { passphrase: 'seven wooden horses' })).equals(plain)).toBe(true)
    await expect(decrypted(stored, { passphrase: 'eight wooden horses' })).rejects.toMatchObject({
      code: 'BACKUP_KEY_WRONG',
    })
    const decrypter = new Decrypter()
    decrypter.addPassphrase('seven wooden horses')
    expect(Buffer.from(await decrypter.decrypt(stored)).equals(plain)).toBe(true)
  })
})

describe('a key that does not fit', () => {
  it('is said before the first byte, by the recipients that would', async () => {
    const stored = await encrypted(numbered(1000))
    const wrong = { identities: [other.identity] }
    const expected = {
      code: 'BACKUP_KEY_WRONG',
      message: `the key that was given does not open the backup; it takes the identity of ${recipient}`,
    }
    await expect(decrypted(stored, wrong)).rejects.toMatchObject(expected)
    const unlocker = createUnlocker(wrong, 'the backup', [recipient])
    await expect(unlocker.tryKeys(inReusedMemory(stored, 50))).rejects.toMatchObject(expected)
    await expect(
      createUnlocker({ identities: [identity] }, 'the backup', []).tryKeys(inReusedMemory(stored, 50)),
    ).resolves.toBeUndefined()
  })

  it('is missed when there is none', () => {
    expect(() => createUnlocker({}, 'the backup', [])).toThrow(
      expect.objectContaining({
        code: 'BACKUP_KEY_MISSING',
        message: expect.stringContaining('it takes the passphrase') as string,
      }),
    )
  })
})

describe('an altered object', () => {
  const cases: Record<string, (stored: Buffer) => Buffer> = {
    'with a flipped bit in its payload': (stored) => flipped(stored, stored.length - 100),
    'with a flipped bit in its header’s checksum': (stored) => flipped(stored, stored.indexOf('---') + 10),
    'without its last byte': (stored) => stored.subarray(0, -1),
    'cut at the end of a chunk': (stored) => stored.subarray(0, payloadAt(stored) + CHUNK_BYTES + 16),
    'cut within its nonce': (stored) => stored.subarray(0, payloadAt(stored) - 4),
    'cut within its header': (stored) => stored.subarray(0, 60),
    'that is empty': () => Buffer.alloc(0),
    'that goes on after its end': (stored) => Buffer.concat([stored, Buffer.alloc(10)]),
    'with two chunks in each other’s place': (stored) => {
      const [at, size] = [payloadAt(stored), CHUNK_BYTES + 16]
      const [first, second] = [stored.subarray(at, at + size), stored.subarray(at + size, at + 2 * size)]
      return Buffer.concat([stored.subarray(0, at), second, first, stored.subarray(at + 2 * size)])
    },
    'that was never encrypted': () => Buffer.from('PGDMP'.repeat(1000)),
    'whose header never ends': () =>
      Buffer.concat([Buffer.from('age-encryption.org/v1\n'), Buffer.alloc(300_000, 'a\n')]),
  }

  it.each(Object.entries(cases))('%s is refused', async (_, alter) => {
    const stored = alter(await encrypted(numbered(2 * CHUNK_BYTES + 5)))
    await expect(decrypted(stored, { identities: [identity] })).rejects.toBeInstanceOf(DecryptionError)
  })

  it('never gives more than a true beginning', async () => {
    const plain = numbered(3 * CHUNK_BYTES)
    const stored = await encrypted(plain)
    await fc.assert(
      fc.asyncProperty(fc.nat(stored.length - 1), async (at) => {
        const pieces: Buffer[] = []
        const reading = (async () => {
          const unlocker = createUnlocker({ identities: [identity] }, 'the backup', [])
          for await (const piece of unlocker.decrypt(inReusedMemory(flipped(stored, at), 50_000)))
            pieces.push(Buffer.from(piece))
        })()
        await expect(reading).rejects.toBeInstanceOf(Error)
        const got = Buffer.concat(pieces)
        expect(got.equals(plain.subarray(0, got.length))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

describe('recipients and identities', () => {
  it.each([
    [[], /no recipients/],
    [['ssh-ed25519 AAAA'], /"ssh-ed25519 AAAA" is no age recipient/],
    [['age1qqqq'], /"age1qqqq" is no age recipient/],
  ])('%j cannot be encrypted to', (recipients, says) => {
    expect(() => checkEncryption({ recipients })).toThrow(says)
  })

  it('a secret key among the recipients is refused, and not repeated', () => {
    expect(() => checkEncryption({ recipients: [identity] })).toThrow(/a recipient is a secret key/)
    expect(() => checkEncryption({ recipients: [identity] })).not.toThrow(new RegExp(identity))
  })

  it('an empty passphrase is refused', () => {
    expect(() => checkEncryption({ passphrase: '' })).toThrow('the passphrase is empty')
  })

  it('are read from the file that age-keygen writes', () => {
    const file = `# created: 2026-11-21T02:00:00Z\n# public key: ${recipient}\n${identity}\r\n\n`
    expect(parseIdentities(file)).toEqual([identity])
    expect(() => parseIdentities('# nothing\n')).toThrow(/no identity in it/)
    expect(() => parseIdentities('AGE-SECRET-KEY-1OOPS')).toThrow(/no age identity/)
    expect(() => parseIdentities('AGE-SECRET-KEY-1OOPS')).not.toThrow(/OOPS/)
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}

/** Where the first chunk begins: after the header and the nonce. */
function payloadAt(stored: Buffer): number {
  return stored.indexOf('\n', stored.indexOf('\n--- ') + 1) + 1 + 16
}
