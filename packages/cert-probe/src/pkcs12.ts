import {
  createDecipheriv,
  createHash,
  createHmac,
  hash as hashOnce,
  pbkdf2,
  timingSafeEqual,
} from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { berToDer, joinParts } from './ber.ts'
import {
  contextTag,
  DerError,
  expectTag,
  readChildren,
  readOid,
  readSequence,
  readSmallInteger,
  readWhole,
  TAG,
  type DerElement,
} from './der.ts'
import { ProbeFailure } from './failure.ts'
import { decryptRc2Cbc } from './rc2.ts'

/** PKCS#12 (RFC 7292), of which only the certificates are of interest. */

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  sha1And3Des: '1.2.840.113549.1.12.1.3',
  sha1AndRc2With128Bits: '1.2.840.113549.1.12.1.5',
  sha1AndRc2With40Bits: '1.2.840.113549.1.12.1.6',
} as const
const DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
}
/** A file may ask for any number of rounds; this many take seconds. */
const MAX_ITERATIONS = 10_000_000
/** The old derivation runs in JavaScript, so it gets fewer. OpenSSL's default is 2,048, Firefox's 600,000. */
const MAX_LEGACY_ITERATIONS = 1_000_000
/** A password that costs more to check by the MAC is found wrong when decrypting, which is native. */
const MAX_MAC_ITERATIONS = 100_000
/** So many rounds take a few milliseconds; then others have their turn. */
const ROUNDS_AT_A_TIME = 5000
const derive = promisify(pbkdf2)

/** The DER of the certificates in a PKCS#12 file. Rejects with a {@link ProbeFailure}. */
export async function readPkcs12(
  content: Buffer,
  password: string | undefined,
  path: string,
): Promise<Buffer[]> {
  try {
    const [version, authSafe, macData] = readSequence(readWhole(berToDer(content)))
    if (readSmallInteger(version) !== 3) throw new DerError('it is neither a certificate nor PKCS#12')
    const contents = readContentInfo(authSafe, OID.data)
    await checkPassword(contents, macData, password ?? '', path)
    const ders: Buffer[] = []
    for (const info of readSequence(readWhole(berToDer(contents)))) {
      ders.push(...certificatesIn(await safeContents(info, password ?? '', path)))
    }
    return ders
  } catch (error) {
    if (error instanceof ProbeFailure) throw error
    throw new ProbeFailure(
      'read',
      'certificate-unreadable',
      `${path} cannot be read as a certificate or PKCS#12: ${(error as Error).message}`,
      error,
    )
  }
}

function readContentInfo(element: DerElement | undefined, wanted: string): Buffer {
  const [type, content] = readSequence(element)
  if (readOid(type) !== wanted) throw new DerError('it is protected by a public key, not by a password')
  return readWhole(expectTag(content, contextTag(0)).content, TAG.octetString).content
}

/** RFC 7292, section 4, MacData: tells a wrong password from a broken file. */
async function checkPassword(
  contents: Buffer,
  macData: DerElement | undefined,
  password: string,
  path: string,
): Promise<void> {
  if (macData === undefined) return
  const [digestInfo, salt, iterations] = readSequence(macData)
  const [algorithm, digest] = readSequence(digestInfo)
  const hash = DIGESTS[readOid(readSequence(algorithm)[0])]
  const rounds = iterations === undefined ? 1 : readSmallInteger(iterations)
  // Newer MACs (RFC 9579) are left alone too.
  if (hash === undefined || rounds > MAX_MAC_ITERATIONS) return
  const expected = expectTag(digest, TAG.octetString).content
  const key = await deriveLegacy(
    hash,
    password,
    expectTag(salt, TAG.octetString).content,
    rounds,
    3,
    expected.length,
  )
  const actual = createHmac(hash, key).update(contents).digest()
  if (actual.length === expected.length && timingSafeEqual(actual, expected)) return
  throw wrongPassword(password, path)
}

async function safeContents(info: DerElement, password: string, path: string): Promise<Buffer> {
  const [type, content] = readSequence(info)
  const oid = readOid(type)
  const inner = readWhole(expectTag(content, contextTag(0)).content)
  if (oid === OID.data) return expectTag(inner, TAG.octetString).content
  if (oid !== OID.encryptedData) return Buffer.alloc(0)
  const [, encrypted] = readSequence(inner)
  const [, algorithm, ciphertext] = readSequence(encrypted)
  return decrypt(algorithm, octetsOf(ciphertext), password, path)
}

/** `[0] IMPLICIT OCTET STRING`, which may come in parts. */
function octetsOf(element: DerElement | undefined): Buffer {
  if (element?.tag === contextTag(0)) return joinParts(readChildren(element).map((part) => part.raw))
  return expectTag(element, contextTag(0, 'primitive')).content
}

async function decrypt(
  element: DerElement | undefined,
  ciphertext: Buffer,
  password: string,
  path: string,
): Promise<Buffer> {
  const [type, parameters] = readSequence(element)
  const oid = readOid(type)
  const { cipher, key, iv } =
    oid === OID.pbes2 ? await pbes2Key(parameters, password) : await legacyKey(oid, parameters, password)
  try {
    if (cipher === 'rc2-cbc') return decryptRc2Cbc(ciphertext, key, iv, key.length * 8)
    const decipher = createDecipheriv(cipher, key, iv)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()])
  } catch {
    throw wrongPassword(password, path)
  }
}

interface CipherKey {
  readonly cipher: string
  readonly key: Buffer
  readonly iv: Buffer
}

/** RFC 8018, section 6.2. */
async function pbes2Key(parameters: DerElement | undefined, password: string): Promise<CipherKey> {
  const [derivation, scheme] = readSequence(parameters)
  const [derivationType, derivationParameters] = readSequence(derivation)
  if (readOid(derivationType) !== OID.pbkdf2) throw new DerError('it uses an unknown key derivation')
  const [salt, iterations, ...optional] = readSequence(derivationParameters)
  const prf = optional.find((part) => part.tag === TAG.sequence)
  const digest = prf === undefined ? 'sha1' : PRFS[readOid(readSequence(prf)[0])]
  const [schemeType, iv] = readSequence(scheme)
  const cipher = CIPHERS[readOid(schemeType)]
  if (digest === undefined || cipher === undefined) throw new DerError('it uses an unknown cipher')
  const rounds = checkIterations(readSmallInteger(iterations), MAX_ITERATIONS)
  const key = await derive(password, expectTag(salt, TAG.octetString).content, rounds, cipher[1], digest)
  return { cipher: cipher[0], key, iv: expectTag(iv, TAG.octetString).content }
}

/** RFC 7292, appendix C: names of a cipher and the length of its key. */
const LEGACY_CIPHERS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  [OID.sha1And3Des]: ['des-ede3-cbc', 24],
  [OID.sha1AndRc2With128Bits]: ['rc2-cbc', 16],
  [OID.sha1AndRc2With40Bits]: ['rc2-cbc', 5],
}

async function legacyKey(
  oid: string,
  parameters: DerElement | undefined,
  password: string,
): Promise<CipherKey> {
  const legacy = LEGACY_CIPHERS[oid]
  if (legacy === undefined) throw new DerError(`it uses an unknown encryption (${oid})`)
  const [cipher, keyBytes] = legacy
  const [salt, iterations] = readSequence(parameters)
  const saltBytes = expectTag(salt, TAG.octetString).content
  const rounds = readSmallInteger(iterations)
  return {
    cipher,
    key: await deriveLegacy('sha1', password, saltBytes, rounds, 1, keyBytes),
    iv: await deriveLegacy('sha1', password, saltBytes, rounds, 2, 8),
  }
}

/** RFC 7292, appendix B.2. `purpose`: 1 for a key, 2 for an initialisation vector, 3 for a MAC. */
async function deriveLegacy(
  hash: string,
  password: string,
  salt: Buffer,
  iterations: number,
  purpose: number,
  length: number,
): Promise<Buffer> {
  checkIterations(iterations, MAX_LEGACY_ITERATIONS)
  const blockBytes = hash === 'sha384' || hash === 'sha512' ? 128 : 64
  const passwordBytes = Buffer.from(`${password}\0`, 'utf16le').swap16()
  const input = Buffer.concat([fillBlocks(salt, blockBytes), fillBlocks(passwordBytes, blockBytes)])
  const diversifier = Buffer.alloc(blockBytes, purpose)
  const derived: Buffer[] = []
  for (let have = 0; have < length;) {
    let block = createHash(hash).update(diversifier).update(input).digest()
    for (let round = 1; round < iterations; round += 1) {
      block = hashOnce(hash, block, 'buffer')
      if (round % ROUNDS_AT_A_TIME === 0) await nextTurn()
    }
    derived.push(block)
    have += block.length
    addToBlocks(input, fillBlocks(block, blockBytes).subarray(0, blockBytes), blockBytes)
  }
  return Buffer.concat(derived).subarray(0, length)
}

function fillBlocks(bytes: Buffer, blockBytes: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes)
}

/** Each block of `input` becomes itself + `addend` + 1, as a big-endian number. */
function addToBlocks(input: Buffer, addend: Buffer, blockBytes: number): void {
  for (let start = 0; start < input.length; start += blockBytes) {
    let carry = 1
    for (let index = blockBytes - 1; index >= 0; index -= 1) {
      const sum = input[start + index]! + addend[index]! + carry
      input[start + index] = sum & 0xff
      carry = sum >> 8
    }
  }
}

function checkIterations(iterations: number, most: number): number {
  if (iterations >= 1 && iterations <= most) return iterations
  throw new DerError(
    `it asks for ${iterations} rounds of key derivation, of which ${most} are the most that is done`,
  )
}

function certificatesIn(contents: Buffer, depth = 0): Buffer[] {
  if (contents.length === 0) return []
  return readSequence(readWhole(berToDer(contents))).flatMap((bag) => {
    const [type, value] = readSequence(bag)
    const oid = readOid(type)
    if (oid === OID.safeContentsBag && depth < 4)
      return certificatesIn(expectTag(value, contextTag(0)).content, depth + 1)
    if (oid !== OID.certBag) return []
    const [kind, wrapped] = readSequence(readWhole(expectTag(value, contextTag(0)).content))
    if (readOid(kind) !== OID.x509Certificate) return []
    return [readWhole(expectTag(wrapped, contextTag(0)).content, TAG.octetString).content]
  })
}

function wrongPassword(password: string, path: string): ProbeFailure {
  const message = password === '' ? `${path} needs a password` : `the password does not open ${path}`
  return new ProbeFailure('read', 'wrong-password', message)
}
