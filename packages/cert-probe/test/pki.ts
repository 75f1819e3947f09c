import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { parseIp } from '../src/certificate.ts'
import { contextTag, TAG, writeElement, writeOid } from '../src/der.ts'

/** A certificate authority for tests, that issues whatever it is told to, however wrong. */

export type KeyKind = 'ec' | 'p384' | 'rsa2048' | 'rsa1024' | 'ed25519'

export interface Issued {
  readonly der: Buffer
  readonly pem: string
  readonly keyPem: string
  readonly privateKey: KeyObject
  readonly spki: Buffer
  readonly subjectDer: Buffer
  readonly serial: Buffer
  readonly kind: KeyKind
}

export interface IssueOptions {
  /** Pairs of attribute type and value, in the certificate's order; an inner array is a multi-valued RDN. */
  readonly subject: readonly (readonly [type: string, value: string, tag?: number])[]
  /** @default itself */
  readonly issuer?: Issued
  readonly key?: KeyKind
  /** Uses this key pair again, for cross-signing. */
  readonly keyOf?: Issued
  readonly notBeforeDays?: number
  readonly notAfterDays?: number
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly emails?: readonly string[]
  readonly ca?: boolean
  readonly pathLength?: number
  readonly digest?: 'sha1' | 'sha256' | 'sha384'
  readonly usages?: readonly string[]
  readonly ocspUrl?: string
  readonly issuerUrl?: string
  readonly mustStaple?: boolean
  readonly permittedDns?: readonly string[]
  readonly serial?: Buffer
  /** Whole extensions, as DER. */
  readonly extraExtensions?: readonly Buffer[]
}

const DAY_MS = 86_400_000
const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  street: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  email: '1.2.840.113549.1.9.1',
}
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'

const rsaKeys = new Map<KeyKind, { publicKey: KeyObject; privateKey: KeyObject }>()

function keyPair(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === 'ec') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (kind === 'p384') return generateKeyPairSync('ec', { namedCurve: 'P-384' })
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  // RSA keys take long to make, and nothing here depends on their being different.
  const pair =
    rsaKeys.get(kind) ?? generateKeyPairSync('rsa', { modulusLength: kind === 'rsa1024' ? 1024 : 2048 })
  rsaKeys.set(kind, pair)
  return pair
}

/** Issues one certificate. */
export function issue(options: IssueOptions): Issued {
  const kind = options.keyOf?.kind ?? options.key ?? 'ec'
  const pair = options.keyOf === undefined ? keyPair(kind) : undefined
  const privateKey = options.keyOf?.privateKey ?? pair!.privateKey
  const spki = options.keyOf?.spki ?? pair!.publicKey.export({ type: 'spki', format: 'der' })
  const subjectDer = name(options.subject)
  const signer = options.issuer ?? { privateKey, kind, subjectDer }
  const algorithm = signatureAlgorithm(signer.kind, options.digest ?? 'sha256')
  const serial = options.serial ?? Buffer.concat([Buffer.from([0x4c]), randomBytes(15)])
  const now = Math.floor(Date.now() / 1000) * 1000
  const tbs = sequence(
    writeElement(contextTag(0), integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    signer.subjectDer,
    sequence(
      time(now + (options.notBeforeDays ?? -1) * DAY_MS),
      time(now + (options.notAfterDays ?? 89) * DAY_MS),
    ),
    subjectDer,
    spki,
    writeElement(contextTag(3), sequence(...extensions(options))),
  )
  const der = sequence(tbs, algorithm, bitString(signWith(signer, options.digest ?? 'sha256', tbs)))
  return {
    der,
    pem: pem('CERTIFICATE', der),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    privateKey,
    spki,
    subjectDer,
    serial,
    kind,
  }
}

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly thisUpdateHours?: number
  readonly nextUpdateHours?: number
  /** Who signs. @default the issuer */
  readonly signer?: Issued
  readonly includeSigner?: boolean
}

/** An OCSP response about `certificate`. */
export function ocspResponse(certificate: Issued, issuer: Issued, answer: OcspAnswer): Buffer {
  const signer = answer.signer ?? issuer
  const sha1 = sequence(writeOid('1.3.14.3.2.26'), Buffer.from([5, 0]))
  const keyBits = publicKeyBits(issuer.spki)
  const certId = sequence(
    sha1,
    octets(hash(issuer.subjectDer)),
    octets(hash(keyBits)),
    integer(certificate.serial),
  )
  const at = (hours: number): Buffer => generalizedTime(Date.now() + hours * 3_600_000)
  const status = {
    good: Buffer.from([0x80, 0]),
    revoked: writeElement(
      contextTag(1),
      at(-48),
      writeElement(contextTag(0), Buffer.from([TAG.enumerated, 1, 1])),
    ),
    unknown: Buffer.from([0x82, 0]),
  }[answer.status]
  const single = sequence(
    certId,
    status,
    at(answer.thisUpdateHours ?? -1),
    writeElement(contextTag(0), at(answer.nextUpdateHours ?? 24)),
  )
  const data = sequence(writeElement(contextTag(1), signer.subjectDer), at(-1), sequence(single))
  const certificates =
    answer.includeSigner === true ? [writeElement(contextTag(0), sequence(signer.der))] : []
  const basic = sequence(
    data,
    signatureAlgorithm(signer.kind, 'sha256'),
    bitString(signWith(signer, 'sha256', data)),
    ...certificates,
  )
  return sequence(
    Buffer.from([TAG.enumerated, 1, 0]),
    writeElement(contextTag(0), sequence(writeOid('1.3.6.1.5.5.7.48.1.1'), octets(basic))),
  )
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')}\n-----END ${label}-----\n`
}

function extensions(options: IssueOptions): Buffer[] {
  const found: Buffer[] = [...(options.extraExtensions ?? [])]
  const names = [
    ...(options.emails ?? []).map((email) => writeElement(0x81, Buffer.from(email))),
    ...(options.dns ?? []).map((dns) => writeElement(0x82, Buffer.from(dns))),
    ...(options.ips ?? []).map((ip) => writeElement(0x87, isIP(ip) === 0 ? Buffer.from(ip) : parseIp(ip))),
  ]
  if (names.length > 0) found.push(extension('2.5.29.17', sequence(...names)))
  if (options.ca === true) {
    const length = options.pathLength === undefined ? [] : [integer(Buffer.from([options.pathLength]))]
    found.push(extension('2.5.29.19', sequence(Buffer.from([TAG.boolean, 1, 0xff]), ...length), true))
  }
  const usages = options.usages ?? (options.ca === true ? [] : [SERVER_AUTH])
  if (usages.length > 0) found.push(extension('2.5.29.37', sequence(...usages.map(writeOid))))
  const access = [
    ...(options.ocspUrl === undefined ? [] : [accessTo('1.3.6.1.5.5.7.48.1', options.ocspUrl)]),
    ...(options.issuerUrl === undefined ? [] : [accessTo('1.3.6.1.5.5.7.48.2', options.issuerUrl)]),
  ]
  if (access.length > 0) found.push(extension('1.3.6.1.5.5.7.1.1', sequence(...access)))
  if (options.mustStaple === true)
    found.push(extension('1.3.6.1.5.5.7.1.24', sequence(integer(Buffer.from([5])))))
  if (options.permittedDns !== undefined) {
    const subtrees = options.permittedDns.map((dns) => sequence(writeElement(0x82, Buffer.from(dns))))
    found.push(extension('2.5.29.30', sequence(writeElement(contextTag(0), ...subtrees)), true))
  }
  return found
}

function extension(oid: string, value: Buffer, isCritical = false): Buffer {
  return sequence(writeOid(oid), ...(isCritical ? [Buffer.from([TAG.boolean, 1, 0xff])] : []), octets(value))
}

function accessTo(method: string, url: string): Buffer {
  return sequence(writeOid(method), writeElement(0x86, Buffer.from(url)))
}

function name(subject: IssueOptions['subject']): Buffer {
  return sequence(
    ...subject.map(([type, value, tag = 0x0c]) => {
      const bytes =
        tag === 0x1e
          ? Buffer.from(value, 'utf16le').swap16()
          : Buffer.from(value, tag === 0x14 ? 'latin1' : 'utf8')
      return writeElement(TAG.set, sequence(writeOid(ATTRIBUTES[type] ?? type), writeElement(tag, bytes)))
    }),
  )
}

function signatureAlgorithm(kind: KeyKind, digest: string): Buffer {
  if (kind === 'ed25519') return sequence(writeOid('1.3.101.112'))
  if (kind.startsWith('rsa')) {
    const last = { sha1: 5, sha256: 11, sha384: 12 }[digest]
    return sequence(writeOid(`1.2.840.113549.1.1.${last}`), Buffer.from([5, 0]))
  }
  return sequence(
    writeOid(digest === 'sha1' ? '1.2.840.10045.4.1' : `1.2.840.10045.4.3.${digest === 'sha384' ? 3 : 2}`),
  )
}

function signWith(signer: { kind: KeyKind; privateKey: KeyObject }, digest: string, data: Buffer): Buffer {
  return sign(signer.kind === 'ed25519' ? null : digest, data, signer.privateKey)
}

function publicKeyBits(spki: Buffer): Buffer {
  // SubjectPublicKeyInfo ends with the BIT STRING; its content begins after the "unused bits" octet.
  for (let at = 0; at < spki.length; at += 1) {
    if (spki[at] !== TAG.bitString) continue
    const long = spki[at + 1]! >= 0x80 ? spki[at + 1]! & 0x7f : 0
    const length = long === 0 ? spki[at + 1]! : spki.readUIntBE(at + 2, long)
    if (at + 2 + long + length === spki.length) return spki.subarray(at + 2 + long + 1)
  }
  throw new Error('no public key in it')
}

function time(milliseconds: number): Buffer {
  const year = new Date(milliseconds).getUTCFullYear()
  return year >= 1950 && year < 2050
    ? writeElement(0x17, Buffer.from(digits(milliseconds).slice(2)))
    : generalizedTime(milliseconds)
}

function generalizedTime(milliseconds: number): Buffer {
  return writeElement(0x18, Buffer.from(digits(milliseconds)))
}

function digits(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
}

function sequence(...content: readonly Uint8Array[]): Buffer {
  return writeElement(TAG.sequence, ...content)
}

function integer(bytes: Buffer): Buffer {
  return writeElement(TAG.integer, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

function octets(bytes: Buffer): Buffer {
  return writeElement(TAG.octetString, bytes)
}

function bitString(bytes: Buffer): Buffer {
  return writeElement(TAG.bitString, Buffer.from([0]), bytes)
}

function hash(bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest()
}
