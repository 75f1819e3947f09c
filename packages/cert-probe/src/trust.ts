import { getCACertificates, rootCertificates } from 'node:tls'
import { parseCertificate, type Certificate } from './certificate.ts'
import { createCertificateCache, type CertificateCache } from './certificate-cache.ts'
import { CertProbeError } from './errors.ts'
import { pemCertificates } from './pem.ts'

/** The certificates that are believed without proof. Make one, and use it for many probes. */
export interface TrustStore {
  readonly roots: readonly Certificate[]
  /** The roots whose subject is this name. */
  bySubject(subjectDer: Buffer): readonly Certificate[]
  /** Whether a certificate is one of the roots. */
  has(certificate: Certificate): boolean
  /** What is known of the certificates that were seen with it. */
  readonly cache: CertificateCache
}

/** Options of {@link createTrustStore}. */
export interface TrustStoreOptions {
  /**
   * A CA bundle, as PEM text. It is trusted *instead of* the machine's own, unless `addToSystem`.
   * @default the machine's trust store, or Node's own list of roots where the machine has none
   */
  readonly caPem?: string
  /** Trust `caPem` and the machine's own roots. @default false */
  readonly addToSystem?: boolean
}

/**
 * Reads the trusted roots once.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_CA_BUNDLE` when `caPem` has no certificate that can be read.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { createTrustStore, probe } from '@ops/cert-probe'
 *
 * const trust = createTrustStore({ caPem: await readFile('/etc/ssl/internal-ca.pem', 'utf8') })
 * const report = await probe('intranet.example.com', { trust })
 * console.log(report.endpoints[0]?.verdict?.isTrusted)
 * ```
 */
export function createTrustStore(options: TrustStoreOptions = {}): TrustStore {
  const own = options.caPem === undefined ? [] : readBundle(options.caPem)
  const roots = options.caPem === undefined || options.addToSystem === true ? [...own, ...systemRoots()] : own
  const bySubject = Map.groupBy(roots, (root) => root.fields.subjectDer.toString('latin1'))
  const fingerprints = new Set(roots.map((root) => root.info.fingerprintSha256))
  return {
    roots,
    bySubject: (subjectDer) => bySubject.get(subjectDer.toString('latin1')) ?? [],
    cache: createCertificateCache(),
    has: (certificate) => fingerprints.has(certificate.info.fingerprintSha256),
  }
}

function readBundle(pem: string): Certificate[] {
  const roots = parseAll(pemCertificates(pem))
  if (roots.length > 0) return roots
  throw new CertProbeError(
    'CERT_PROBE_BAD_CA_BUNDLE',
    'the CA bundle has no certificate in it: it must be PEM, with at least one BEGIN CERTIFICATE block',
  )
}

/** What other programs on this machine trust (SSL_CERT_FILE counts); Node's list in a bare container. */
function systemRoots(): Certificate[] {
  const system = getCACertificates('system')
  const pems = system.length > 0 ? system : [...rootCertificates]
  return parseAll(pemCertificates([...new Set(pems)].join('\n')))
}

/** Roots that cannot be read are not trusted, and hide none of the others. */
function parseAll(ders: readonly Buffer[]): Certificate[] {
  return ders.flatMap((der) => {
    try {
      return [parseCertificate(der)]
    } catch {
      return []
    }
  })
}
