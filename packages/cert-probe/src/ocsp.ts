import { createHash } from 'node:crypto'
import { parseCertificate, type Certificate } from './certificate.ts'
import {
  contextTag,
  DerError,
  expectTag,
  readBitString,
  readChildren,
  readOid,
  readSequence,
  readSmallInteger,
  readTime,
  readWhole,
  TAG,
  writeElement,
  writeOid,
  type DerElement,
} from './der.ts'
import { isSignedBy, signatureAlgorithm } from './signature.ts'

/** What an OCSP responder says of one certificate (RFC 6960). */
export interface OcspStatus {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly producedAt: string
  readonly thisUpdate: string
  readonly nextUpdate?: string
  readonly revokedAt?: string
  /** CRLReason (RFC 5280, section 5.3.1), by name. */
  readonly reason?: string
  /** Signed by the issuer or its delegate, for this certificate, and fresh. Others prove nothing. */
  readonly isTrusted: boolean
  /** Why it is not trusted. */
  readonly distrust?: string
}

/** What is known of the revocation of the server's certificate. */
export interface OcspReport extends Partial<OcspStatus> {
  readonly source: 'stapled' | 'asked'
  /** Who was asked. */
  readonly responder?: string
  /** Why there is no status. */
  readonly error?: string
}

const SHA1 = '1.3.14.3.2.26'
const HASHES: Readonly<Record<string, string>> = {
  [SHA1]: 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const CLOCK_SKEW_MS = 5 * 60_000
const REFUSALS = [
  'successful',
  'malformed request',
  'internal error',
  'try later',
  '4',
  'signature required',
  'unauthorized',
]
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  '7',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
]

/** An OCSPRequest for one certificate. The hash is SHA-1, as RFC 5019 asks and all responders expect. */
export function encodeOcspRequest(certificate: Certificate, issuer: Certificate): Buffer {
  const algorithm = writeElement(TAG.sequence, writeOid(SHA1), Buffer.from([0x05, 0x00]))
  const certId = writeElement(
    TAG.sequence,
    algorithm,
    writeElement(TAG.octetString, hash('sha1', issuer.fields.subjectDer)),
    writeElement(TAG.octetString, hash('sha1', issuer.fields.publicKeyBits)),
    certificate.fields.serialDer,
  )
  const requestList = writeElement(TAG.sequence, writeElement(TAG.sequence, certId))
  return writeElement(TAG.sequence, writeElement(TAG.sequence, requestList))
}

/** Reads an OCSPResponse about `certificate`. Throws if there is none in it. */
export function readOcspResponse(
  response: Buffer,
  certificate: Certificate,
  issuer: Certificate | undefined,
  nowMs: number,
): OcspStatus {
  const [status, bytes] = readSequence(readWhole(response))
  const refusal = readSmallInteger(status, TAG.enumerated)
  if (refusal !== 0) throw new DerError(`the responder refuses: ${REFUSALS[refusal] ?? refusal}`)
  const [type, content] = readSequence(readWhole(expectTag(bytes, contextTag(0)).content))
  if (readOid(type) !== BASIC_RESPONSE) throw new DerError('it is not a basic OCSP response')
  const [data, algorithm, signature, certificates] = readSequence(
    readWhole(expectTag(content, TAG.octetString).content),
  )
  const fields = readSequence(data)
  const [, producedAt, responses] = fields[0]?.tag === contextTag(0) ? fields.slice(1) : fields
  const single = readSequence(responses)
    .map((each) => readSequence(each))
    .find(([certId]) => isAbout(certId, certificate, issuer))
  if (single === undefined) throw new DerError('it says nothing about this certificate')
  const [, certStatus, thisUpdate, ...optional] = single
  const nextUpdate = optional.find((part) => part.tag === contextTag(0))
  const thisUpdateMs = readTime(thisUpdate)
  const nextUpdateMs = nextUpdate === undefined ? undefined : readTime(readWhole(nextUpdate.content))
  const distrust =
    freshnessProblem(thisUpdateMs, nextUpdateMs, nowMs) ??
    signerProblem(data!, algorithm, signature, certificates, issuer, nowMs)
  return {
    ...readStatus(certStatus),
    producedAt: iso(readTime(producedAt)),
    thisUpdate: iso(thisUpdateMs),
    ...(nextUpdateMs === undefined ? {} : { nextUpdate: iso(nextUpdateMs) }),
    isTrusted: distrust === undefined,
    ...(distrust === undefined ? {} : { distrust }),
  }
}

function readStatus(element: DerElement | undefined): Pick<OcspStatus, 'status' | 'revokedAt' | 'reason'> {
  if (element?.tag === contextTag(0, 'primitive')) return { status: 'good' }
  if (element?.tag === contextTag(2, 'primitive')) return { status: 'unknown' }
  const [time, reason] = readChildren(expectTag(element, contextTag(1)))
  const revokedAt = iso(readTime(time))
  if (reason === undefined) return { status: 'revoked', revokedAt }
  const number = readSmallInteger(readWhole(expectTag(reason, contextTag(0)).content), TAG.enumerated)
  return { status: 'revoked', revokedAt, reason: REASONS[number] ?? String(number) }
}

function isAbout(
  certId: DerElement | undefined,
  certificate: Certificate,
  issuer: Certificate | undefined,
): boolean {
  const [algorithm, nameHash, keyHash, serial] = readSequence(certId)
  if (serial?.raw.equals(certificate.fields.serialDer) !== true) return false
  if (issuer === undefined) return true
  const name = HASHES[readOid(readSequence(algorithm)[0])]
  if (name === undefined) return false
  return (
    expectTag(nameHash, TAG.octetString).content.equals(hash(name, issuer.fields.subjectDer)) &&
    expectTag(keyHash, TAG.octetString).content.equals(hash(name, issuer.fields.publicKeyBits))
  )
}

function freshnessProblem(
  thisUpdateMs: number,
  nextUpdateMs: number | undefined,
  nowMs: number,
): string | undefined {
  if (thisUpdateMs > nowMs + CLOCK_SKEW_MS) return `it is from the future (${iso(thisUpdateMs)})`
  if (nextUpdateMs !== undefined && nextUpdateMs < nowMs - CLOCK_SKEW_MS)
    return `it is out of date since ${iso(nextUpdateMs)}`
  return undefined
}

/** The issuer may sign itself, or let a certificate that it issued for this purpose do it (RFC 6960, 4.2.2.2). */
function signerProblem(
  data: DerElement,
  algorithm: DerElement | undefined,
  signature: DerElement | undefined,
  certificates: DerElement | undefined,
  issuer: Certificate | undefined,
  nowMs: number,
): string | undefined {
  if (issuer === undefined) return 'the issuer is not known, so its signature cannot be checked'
  const method = signatureAlgorithm(algorithm)
  const bytes = readBitString(signature).bytes
  const isBy = (signer: Certificate): boolean =>
    signer.publicKey !== undefined && isSignedBy(signer.publicKey, method, data.raw, bytes)
  if (isBy(issuer)) return undefined
  const delegates = certificates === undefined ? [] : readSequence(readWhole(certificates.content))
  const isDelegated = delegates.slice(0, 4).some((element) => {
    const delegate = parseCertificate(element.raw)
    return (
      delegate.fields.extendedKeyUsage?.includes(OCSP_SIGNING) === true &&
      delegate.notBeforeMs <= nowMs &&
      nowMs <= delegate.notAfterMs &&
      isBy(delegate) &&
      isSignedByIssuer(issuer, delegate)
    )
  })
  return isDelegated
    ? undefined
    : 'it is not signed by the issuer, nor by a responder that the issuer appointed'
}

function isSignedByIssuer(issuer: Certificate, { fields }: Certificate): boolean {
  return (
    issuer.publicKey !== undefined &&
    isSignedBy(issuer.publicKey, fields.signature, fields.tbs, fields.signatureBytes)
  )
}

function hash(name: string, data: Buffer): Buffer {
  return createHash(name).update(data).digest()
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
