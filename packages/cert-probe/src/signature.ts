import { constants, verify, type KeyObject } from 'node:crypto'
import { contextTag, readOid, readSequence, readWhole, type DerElement } from './der.ts'

/** How something was signed. */
export interface SignatureAlgorithm {
  /** `RSA-SHA256`, or the object identifier of an unknown one. */
  readonly name: string
  /** The digest for `node:crypto`; `null` for algorithms that bring their own. */
  readonly digest: string | null | undefined
  /** SHA-1 or older: can be forged, so it proves nothing. */
  readonly isWeak: boolean
  readonly isPss: boolean
}

const KNOWN: Readonly<Record<string, readonly [name: string, digest: string | null]>> = {
  '1.2.840.113549.1.1.2': ['RSA-MD2', 'md2'],
  '1.2.840.113549.1.1.4': ['RSA-MD5', 'md5'],
  '1.2.840.113549.1.1.5': ['RSA-SHA1', 'sha1'],
  '1.3.14.3.2.29': ['RSA-SHA1', 'sha1'],
  '1.2.840.113549.1.1.14': ['RSA-SHA224', 'sha224'],
  '1.2.840.113549.1.1.11': ['RSA-SHA256', 'sha256'],
  '1.2.840.113549.1.1.12': ['RSA-SHA384', 'sha384'],
  '1.2.840.113549.1.1.13': ['RSA-SHA512', 'sha512'],
  '1.2.840.10040.4.3': ['DSA-SHA1', 'sha1'],
  '2.16.840.1.101.3.4.3.2': ['DSA-SHA256', 'sha256'],
  '1.2.840.10045.4.1': ['ECDSA-SHA1', 'sha1'],
  '1.2.840.10045.4.3.1': ['ECDSA-SHA224', 'sha224'],
  '1.2.840.10045.4.3.2': ['ECDSA-SHA256', 'sha256'],
  '1.2.840.10045.4.3.3': ['ECDSA-SHA384', 'sha384'],
  '1.2.840.10045.4.3.4': ['ECDSA-SHA512', 'sha512'],
  '1.3.101.112': ['Ed25519', null],
  '1.3.101.113': ['Ed448', null],
}
const PSS = '1.2.840.113549.1.1.10'
const PSS_DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const WEAK_DIGESTS: ReadonlySet<string | null | undefined> = new Set(['md2', 'md5', 'sha1'])

/** Reads an AlgorithmIdentifier. */
export function signatureAlgorithm(element: DerElement | undefined): SignatureAlgorithm {
  const [type, parameters] = readSequence(element)
  const oid = readOid(type)
  if (oid === PSS) {
    const digest = pssDigest(parameters)
    return { name: `RSA-PSS-${digest.toUpperCase()}`, digest, isWeak: WEAK_DIGESTS.has(digest), isPss: true }
  }
  const [name, digest] = KNOWN[oid] ?? [oid, undefined]
  return { name, digest, isWeak: WEAK_DIGESTS.has(digest), isPss: false }
}

/** Whether `signature` over `data` was made with the private half of `key`. Never throws. */
export function isSignedBy(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  data: Buffer,
  signature: Buffer,
): boolean {
  if (algorithm.digest === undefined) return false
  const options = algorithm.isPss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : key
  try {
    return verify(algorithm.digest, data, options, signature)
  } catch {
    return false
  }
}

/** RFC 4055: the digest is in `[0]` of the parameters; SHA-1 when they do not say. */
function pssDigest(parameters: DerElement | undefined): string {
  const hash =
    parameters === undefined ? undefined : readSequence(parameters).find((each) => each.tag === contextTag(0))
  return hash === undefined
    ? 'sha1'
    : (PSS_DIGESTS[readOid(readSequence(readWhole(hash.content))[0])] ?? 'unknown')
}
