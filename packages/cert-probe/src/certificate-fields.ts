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
  type DerElement,
} from './der.ts'
import { readName, type NameAttribute } from './distinguished-name.ts'
import { signatureAlgorithm, type SignatureAlgorithm } from './signature.ts'

/** The parts of an X.509 certificate (RFC 5280, section 4.1), read but not judged. */
export interface CertificateFields {
  /** The signed part. */
  readonly tbs: Buffer
  readonly version: number
  /** Hexadecimal, without a sign octet. */
  readonly serialNumber: string
  /** The serial number as an element, for OCSP. */
  readonly serialDer: Buffer
  readonly signature: SignatureAlgorithm
  readonly signatureBytes: Buffer
  readonly issuer: readonly NameAttribute[]
  readonly issuerDer: Buffer
  readonly subject: readonly NameAttribute[]
  readonly subjectDer: Buffer
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** The octets of the public key itself, without its algorithm. */
  readonly publicKeyBits: Buffer
  readonly sans: SubjectAlternativeNames
  readonly basicConstraints?: { readonly isCa: boolean; readonly pathLength?: number }
  readonly mayCertify: boolean
  /** Object identifiers of the uses it is limited to; `undefined`: any use. */
  readonly extendedKeyUsage?: readonly string[]
  readonly nameConstraints?: NameConstraints
  readonly ocspUrls: readonly string[]
  /** Where its issuer can be had. */
  readonly issuerUrls: readonly string[]
  /** The server must staple an OCSP response (RFC 7633). */
  readonly mustStaple: boolean
  /** What is malformed in it although it can be read, and critical extensions that are not known. */
  readonly defects: readonly string[]
}

export interface SubjectAlternativeNames {
  readonly dns: readonly string[]
  readonly ips: readonly Buffer[]
  readonly emails: readonly string[]
  readonly uris: readonly string[]
}

/** Subtrees for the two kinds of name that a server can have. */
export interface NameConstraints {
  readonly permitted: NameSubtrees
  readonly excluded: NameSubtrees
}

export interface NameSubtrees {
  readonly dns: readonly string[]
  /** Address and mask, one after the other. */
  readonly ips: readonly Buffer[]
}

type Extensions = Pick<CertificateFields, 'basicConstraints' | 'extendedKeyUsage' | 'nameConstraints'> & {
  -readonly [Key in 'sans' | 'mayCertify' | 'ocspUrls' | 'issuerUrls' | 'mustStaple']: CertificateFields[Key]
}
type MutableExtensions = { -readonly [Key in keyof Extensions]: Extensions[Key] }

/** Reads the DER of one certificate. */
export function readCertificate(der: Buffer): CertificateFields {
  const [tbs, algorithm, signature] = readSequence(readWhole(der))
  const parts = readSequence(tbs)
  const hasVersion = parts[0]?.tag === contextTag(0)
  const version = hasVersion ? readSmallInteger(readWhole(parts[0]!.content)) + 1 : 1
  const [serial, , issuer, validity, subject, keyInfo, ...optional] = hasVersion ? parts.slice(1) : parts
  const serialNumber = expectTag(serial, TAG.integer)
  const [notBefore, notAfter] = readSequence(validity)
  const { extensions, defects } = readExtensions(optional.find((part) => part.tag === contextTag(3)))
  return {
    tbs: tbs!.raw,
    version,
    serialNumber: serialNumber.content.toString('hex').replace(/^00(?=..)/, ''),
    serialDer: serialNumber.raw,
    signature: signatureAlgorithm(algorithm),
    signatureBytes: readBitString(signature).bytes,
    issuer: readName(issuer),
    issuerDer: issuer!.raw,
    subject: readName(subject),
    subjectDer: subject!.raw,
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    publicKeyBits: readBitString(readSequence(keyInfo)[1]).bytes,
    ...extensions,
    defects,
  }
}

/** What each extension says; an unreadable one must not hide when the certificate expires. */
const READERS: Readonly<
  Record<string, { name: string; read(value: DerElement, into: MutableExtensions): void }>
> = {
  '2.5.29.17': {
    name: 'subject alternative name',
    read: (value, into) => {
      const names = readSequence(value)
      into.sans = {
        dns: textOf(names, 2),
        ips: names.filter((name) => name.tag === contextTag(7, 'primitive')).map((name) => name.content),
        emails: textOf(names, 1),
        uris: textOf(names, 6),
      }
    },
  },
  '2.5.29.19': {
    name: 'basic constraints',
    read: (value, into) => {
      const parts = readSequence(value)
      const isCa = parts[0]?.tag === TAG.boolean && parts[0].content[0] !== 0
      const pathLength = parts.find((part) => part.tag === TAG.integer)
      into.basicConstraints =
        pathLength === undefined ? { isCa } : { isCa, pathLength: readSmallInteger(pathLength) }
    },
  },
  '2.5.29.15': {
    name: 'key usage',
    // Bit 5, keyCertSign.
    read: (value, into) => {
      into.mayCertify = ((readBitString(value).bytes[0] ?? 0) & 0x04) !== 0
    },
  },
  '2.5.29.37': {
    name: 'extended key usage',
    read: (value, into) => {
      into.extendedKeyUsage = readSequence(value).map(readOid)
    },
  },
  '2.5.29.30': {
    name: 'name constraints',
    read: (value, into) => {
      const parts = readSequence(value)
      into.nameConstraints = {
        permitted: readSubtrees(parts.find((part) => part.tag === contextTag(0))),
        excluded: readSubtrees(parts.find((part) => part.tag === contextTag(1))),
      }
    },
  },
  '1.3.6.1.5.5.7.1.1': {
    name: 'authority information access',
    read: (value, into) => {
      const locations = readSequence(value).map((access) => {
        const [method, location] = readSequence(access)
        return {
          method: readOid(method),
          url: location?.tag === contextTag(6, 'primitive') ? latin1(location) : '',
        }
      })
      into.ocspUrls = urlsOf(locations, '1.3.6.1.5.5.7.48.1')
      into.issuerUrls = urlsOf(locations, '1.3.6.1.5.5.7.48.2')
    },
  },
  '1.3.6.1.5.5.7.1.24': {
    name: 'TLS feature',
    // Feature 5, status_request.
    read: (value, into) => {
      into.mustStaple = readSequence(value).some((feature) => readSmallInteger(feature) === 5)
    },
  },
}
/** Critical extensions that restrict nothing that is judged here. */
const HARMLESS_WHEN_CRITICAL: ReadonlySet<string> = new Set([
  '2.5.29.14',
  '2.5.29.32',
  '2.5.29.35',
  '2.5.29.36',
])

function readExtensions(wrapper: DerElement | undefined): {
  extensions: MutableExtensions
  defects: string[]
} {
  const extensions: MutableExtensions = {
    sans: { dns: [], ips: [], emails: [], uris: [] },
    mayCertify: true,
    ocspUrls: [],
    issuerUrls: [],
    mustStaple: false,
  }
  const defects: string[] = []
  if (wrapper === undefined) return { extensions, defects }
  for (const extension of readSequence(readWhole(wrapper.content))) {
    const parts = readChildren(extension)
    const oid = readOid(parts[0])
    const isCritical = parts[1]?.tag === TAG.boolean && parts[1].content[0] !== 0
    const reader = READERS[oid]
    if (reader === undefined) {
      if (isCritical && !HARMLESS_WHEN_CRITICAL.has(oid))
        defects.push(`it has an unknown critical extension (${oid})`)
      continue
    }
    try {
      reader.read(readWhole(expectTag(parts.at(-1), TAG.octetString).content), extensions)
    } catch (error) {
      if (!(error instanceof DerError)) throw error
      defects.push(`its ${reader.name} extension cannot be read: ${error.message}`)
    }
  }
  return { extensions, defects }
}

function readSubtrees(element: DerElement | undefined): NameSubtrees {
  const bases = element === undefined ? [] : readChildren(element).map((subtree) => readSequence(subtree)[0])
  const names = bases.filter((base) => base !== undefined)
  return {
    dns: textOf(names, 2),
    ips: names.filter((name) => name.tag === contextTag(7, 'primitive')).map((name) => name.content),
  }
}

/** GeneralNames of one kind, which are IA5String. */
function textOf(names: readonly DerElement[], kind: number): string[] {
  return names.filter((name) => name.tag === contextTag(kind, 'primitive')).map(latin1)
}

function urlsOf(locations: readonly { method: string; url: string }[], method: string): string[] {
  return locations.filter((each) => each.method === method && each.url !== '').map((each) => each.url)
}

function latin1(element: DerElement): string {
  return element.content.toString('latin1')
}
