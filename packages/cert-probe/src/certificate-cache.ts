import { hash } from 'node:crypto'
import { parseCertificate, type Certificate } from './certificate.ts'
import { isSignedBy } from './signature.ts'

/**
 * What is known of certificates that were seen before. The same few intermediates stand above most
 * certificates, and a monitor sees the same certificates over and over: reading and verifying them
 * once takes most of the work out of a probe.
 */
export interface CertificateCache {
  /** As `parseCertificate`. */
  parse(der: Buffer): Certificate
  /** Whether `child` was signed with the key of `issuer`. */
  hasSigned(issuer: Certificate, child: Certificate): boolean
}

/** Strangers fill it, so it has bounds: about 16 MiB of certificates. */
const MAX_ENTRIES = 4096
const MAX_REMEMBERED_BYTES = 4096

export function createCertificateCache(): CertificateCache {
  const certificates = new Map<string, Certificate>()
  const signatures = new Map<string, boolean>()
  return {
    parse: (der) => {
      if (der.length > MAX_REMEMBERED_BYTES) return parseCertificate(der)
      const key = hash('sha256', der, 'base64')
      return remember(certificates, key, () => parseCertificate(der))
    },
    hasSigned: (issuer, child) =>
      remember(signatures, `${issuer.info.fingerprintSha256} ${child.info.fingerprintSha256}`, () =>
        hasSigned(issuer, child),
      ),
  }
}

function hasSigned(issuer: Certificate, child: Certificate): boolean {
  const { signature, tbs, signatureBytes } = child.fields
  return issuer.publicKey !== undefined && isSignedBy(issuer.publicKey, signature, tbs, signatureBytes)
}

/** The oldest goes first when there is no room. */
function remember<Value>(entries: Map<string, Value>, key: string, find: () => Value): Value {
  const known = entries.get(key)
  if (known !== undefined) return known
  const value = find()
  entries.set(key, value)
  if (entries.size > MAX_ENTRIES) entries.delete(entries.keys().next().value!)
  return value
}
