import { createHash, X509Certificate, type KeyObject } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { readCertificate, type CertificateFields } from './certificate-fields.ts'
import { attributeValues, formatName } from './distinguished-name.ts'

/** What a certificate says, as plain JSON. */
export interface CertificateInfo {
  /** As blackbox_exporter prints it: `CN=example.com,O=Example,C=NL`. */
  readonly subject: string
  readonly issuer: string
  readonly commonName: string
  readonly issuerCommonName: string
  readonly organizationalUnits: readonly string[]
  /** Lower-case hexadecimal, as the octets stand in the certificate, without a sign octet. */
  readonly serialNumber: string
  readonly sans: {
    readonly dns: readonly string[]
    readonly ips: readonly string[]
    readonly emails: readonly string[]
    readonly uris: readonly string[]
  }
  readonly key: CertificateKey
  /** `RSA-SHA256`, `ECDSA-SHA384`, `Ed25519` …, or the object identifier of one not known here. */
  readonly signatureAlgorithm: string
  readonly fingerprintSha256: string
  readonly fingerprintSha1: string
  /** ISO 8601, UTC. */
  readonly notBefore: string
  readonly notAfter: string
  readonly isCa: boolean
  /** Whom to ask whether it is revoked. */
  readonly ocspUrls: readonly string[]
}

/** The public key of a certificate. */
export interface CertificateKey {
  /** `rsa`, `ec`, `ed25519`, `dsa` …; `unknown` when OpenSSL does not know it. */
  readonly type: string
  /** The length of an RSA or DSA modulus. */
  readonly bits?: number
  /** The named curve of an elliptic-curve key. */
  readonly curve?: string
}

/** A certificate that was read: what it says, and what is needed to verify it. */
export interface Certificate {
  readonly info: CertificateInfo
  readonly der: Buffer
  readonly fields: CertificateFields
  /** `undefined` when OpenSSL knows no such key: nothing can be verified with it then. */
  readonly publicKey: KeyObject | undefined
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Reads one certificate. Throws when the bytes are not one; odd extensions only leave a defect behind. */
export function parseCertificate(der: Buffer): Certificate {
  const fields = readCertificate(der)
  const publicKey = publicKeyOf(der)
  return {
    der,
    fields,
    publicKey,
    notBeforeMs: fields.notBeforeMs,
    notAfterMs: fields.notAfterMs,
    info: {
      subject: formatName(fields.subject),
      issuer: formatName(fields.issuer),
      commonName: attributeValues(fields.subject, '2.5.4.3').at(-1) ?? '',
      issuerCommonName: attributeValues(fields.issuer, '2.5.4.3').at(-1) ?? '',
      organizationalUnits: attributeValues(fields.subject, '2.5.4.11'),
      serialNumber: fields.serialNumber,
      sans: {
        dns: fields.sans.dns,
        ips: fields.sans.ips.map(formatIp),
        emails: fields.sans.emails,
        uris: fields.sans.uris,
      },
      key: describeKey(publicKey),
      signatureAlgorithm: fields.signature.name,
      fingerprintSha256: createHash('sha256').update(der).digest('hex'),
      fingerprintSha1: createHash('sha1').update(der).digest('hex'),
      notBefore: isoTime(fields.notBeforeMs),
      notAfter: isoTime(fields.notAfterMs),
      isCa: fields.basicConstraints?.isCa ?? false,
      ocspUrls: fields.ocspUrls,
    },
  }
}

/** The address in a SAN, four or sixteen octets, as text. */
function formatIp(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.')
  if (octets.length !== 16) return `invalid (${octets.toString('hex')})`
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(index * 2).toString(16))
  const host = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(host)
  return mapped === null ? host : octets.subarray(12).join('.')
}

/** The octets of an address written as text. */
export function parseIp(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  const full = new URL(`http://[${text.replace(/%.*/, '')}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = full.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((each) => Number.parseInt(each, 16))
  const [left, right] = [groups(head), groups(tail)]
  const octets = Buffer.alloc(16)
  for (const [index, group] of left.entries()) octets.writeUInt16BE(group, index * 2)
  for (const [index, group] of right.entries()) octets.writeUInt16BE(group, (8 - right.length + index) * 2)
  return octets
}

function publicKeyOf(der: Buffer): KeyObject | undefined {
  try {
    return new X509Certificate(der).publicKey
  } catch {
    return undefined
  }
}

function describeKey(key: KeyObject | undefined): CertificateKey {
  const details = key?.asymmetricKeyDetails
  return {
    type: key?.asymmetricKeyType ?? 'unknown',
    ...(details?.modulusLength === undefined ? {} : { bits: details.modulusLength }),
    ...(details?.namedCurve === undefined ? {} : { curve: details.namedCurve }),
  }
}

/** Years above 9999 cannot come out of a certificate, years below 0 neither, so this never throws. */
function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000Z', 'Z')
}
