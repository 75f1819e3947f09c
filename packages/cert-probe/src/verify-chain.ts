import type { Certificate } from './certificate.ts'
import { forbiddenName } from './name-constraints.ts'
import { critical, type Problem } from './problem.ts'
import type { TrustStore } from './trust.ts'

/** From the server's certificate up to a trusted root. */
export type Chain = readonly Certificate[]

export interface ChainVerification {
  /** Every chain that holds at this moment, the one that lasts longest first. */
  readonly verified: readonly Chain[]
  /** The longest-lasting verified chain, or the one that came nearest to being one. */
  readonly best: Chain
  /** Why `best` does not hold; empty if it does. */
  readonly problems: readonly Problem[]
}

/** A stranger chooses what is presented, so the search has the same bound that Go's has. */
const MAX_SIGNATURE_CHECKS = 100
const MAX_LENGTH = 12
const SERVER_AUTH: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'])

/**
 * Finds all chains from the first presented certificate to a trusted root, in whatever order the
 * rest was presented. Where none holds, says what is wrong with the most promising one.
 */
export function verifyChain(
  presented: readonly [Certificate, ...Certificate[]],
  trust: TrustStore,
  nowMs: number,
): ChainVerification {
  const paths = findPaths(presented, trust)
  const judged = paths.map((path) => ({ path, problems: judgePath(path, trust, nowMs) }))
  const verified = judged
    .filter((each) => each.problems.length === 0)
    .map((each) => each.path)
    .toSorted((a, b) => chainExpiryMs(b) - chainExpiryMs(a))
  if (verified.length > 0) return { verified, best: verified[0]!, problems: [] }
  // One that reaches a root came nearest; then the fewest problems; then the longest, which says most.
  const isCutOff = (path: Chain): number => (trust.has(path.at(-1)!) ? 0 : 1)
  const nearest = judged.toSorted(
    (a, b) =>
      isCutOff(a.path) - isCutOff(b.path) ||
      a.problems.length - b.problems.length ||
      b.path.length - a.path.length,
  )[0]!
  return { verified, best: nearest.path, problems: nearest.problems }
}

/** When the first certificate of the chain expires. */
export function chainExpiryMs(chain: Chain): number {
  return Math.min(...chain.map((certificate) => certificate.notAfterMs))
}

/** All paths upwards by name and signature: to a trusted root, or to where nothing leads on. */
function findPaths(presented: readonly [Certificate, ...Certificate[]], trust: TrustStore): Certificate[][] {
  const [leaf, ...others] = presented
  if (trust.has(leaf)) return [[leaf]]
  const paths: Certificate[][] = []
  let checksLeft = MAX_SIGNATURE_CHECKS
  const extend = (path: readonly Certificate[]): void => {
    const child = path.at(-1)!
    const candidates = [
      ...trust.bySubject(child.fields.issuerDer),
      ...others.filter((other) => isNamedAsIssuer(other, child)),
    ]
    const issuers = candidates.filter((candidate, index) => {
      if (candidates.findIndex((each) => isSame(each, candidate)) !== index) return false
      if (path.some((each) => isSameEntity(each, candidate))) return false
      checksLeft -= 1
      return checksLeft >= 0 && trust.cache.hasSigned(candidate, child)
    })
    for (const issuer of issuers) {
      const longer = [...path, issuer]
      if (trust.has(issuer)) paths.push(longer)
      else if (longer.length < MAX_LENGTH && checksLeft > 0) extend(longer)
      else paths.push(longer)
    }
    if (issuers.length === 0) paths.push([...path])
  }
  extend([leaf])
  return paths
}

function isNamedAsIssuer(candidate: Certificate, child: Certificate): boolean {
  return candidate.fields.subjectDer.equals(child.fields.issuerDer)
}

function isSame(a: Certificate, b: Certificate): boolean {
  return a.info.fingerprintSha256 === b.info.fingerprintSha256
}

/** The same key under the same name, maybe in another certificate: no chain needs both. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return (
    a.fields.subjectDer.equals(b.fields.subjectDer) && a.fields.publicKeyBits.equals(b.fields.publicKeyBits)
  )
}

function judgePath(path: Chain, trust: TrustStore, nowMs: number): Problem[] {
  const [leaf] = path as [Certificate, ...Certificate[]]
  const top = path.at(-1)!
  return [
    ...(trust.has(top) ? [] : [whyUntrusted(path, trust)]),
    ...path.flatMap((certificate) => timeProblems(certificate, nowMs)),
    ...path.slice(1).flatMap((issuer, index) => issuerProblems(issuer, index, leaf)),
    ...path.flatMap((certificate) => usageProblems(certificate)),
    // A root is believed for what it is, not for its signature on itself.
    ...path.filter((each) => !trust.has(each) && !isNamedAsIssuer(each, each)).flatMap(signatureProblems),
    ...path.flatMap((certificate) =>
      certificate.fields.defects.map((defect) =>
        critical('malformed', `${describe(certificate)}: ${defect}`),
      ),
    ),
  ]
}

function whyUntrusted(path: Chain, trust: TrustStore): Problem {
  const top = path.at(-1)!
  const isSelfIssued = isNamedAsIssuer(top, top) && trust.cache.hasSigned(top, top)
  if (isSelfIssued && path.length === 1) {
    return critical(
      'self-signed',
      `${describe(top)} is self-signed and not trusted: have it issued by a CA, or trust it with a CA bundle`,
    )
  }
  if (isSelfIssued) {
    return critical(
      'unknown-issuer',
      `the root ${describe(top)} is not trusted: if it is your own CA, give it as a CA bundle`,
    )
  }
  const issuer = `the issuer of ${describe(top)}, ${top.info.issuer === '' ? 'which has no name' : `"${top.info.issuer}"`},`
  // A public CA says where its certificate can be had, and expects the server to send it.
  return top.fields.issuerUrls.length > 0
    ? critical(
        'incomplete-chain',
        `${issuer} was not sent and is not trusted: configure the server with the full chain`,
      )
    : critical(
        'unknown-issuer',
        `${issuer} was not sent and is not trusted: send the full chain, or give your own CA as a CA bundle`,
      )
}

function timeProblems(certificate: Certificate, nowMs: number): Problem[] {
  if (nowMs > certificate.notAfterMs) {
    return [
      critical(
        'expired',
        `${describe(certificate)} expired ${certificate.info.notAfter}: renew it, and reload the server`,
      ),
    ]
  }
  if (nowMs < certificate.notBeforeMs) {
    return [
      critical(
        'not-yet-valid',
        `${describe(certificate)} is valid from ${certificate.info.notBefore} only: check the clocks of the CA and of this machine`,
      ),
    ]
  }
  return []
}

/** `below` certificates stand between the issuer and the server's own. */
function issuerProblems(issuer: Certificate, below: number, leaf: Certificate): Problem[] {
  const { basicConstraints, version, mayCertify } = issuer.fields
  const isCa = basicConstraints?.isCa ?? version < 3
  const problems: Problem[] = []
  if (!isCa || !mayCertify)
    problems.push(critical('bad-issuer', `${describe(issuer)} issued a certificate, but it is not a CA`))
  if (basicConstraints?.pathLength !== undefined && below > basicConstraints.pathLength) {
    problems.push(
      critical(
        'bad-issuer',
        `${describe(issuer)} allows ${basicConstraints.pathLength} CAs below it, and the chain has ${below}`,
      ),
    )
  }
  const forbidden = forbiddenName(leaf, issuer)
  if (forbidden !== undefined) {
    problems.push(critical('name-constraint', `${describe(issuer)} may not certify the name ${forbidden}`))
  }
  return problems
}

function usageProblems(certificate: Certificate): Problem[] {
  const usages = certificate.fields.extendedKeyUsage
  if (usages === undefined || usages.some((usage) => SERVER_AUTH.has(usage))) return []
  return [
    critical(
      'wrong-usage',
      `${describe(certificate)} is not meant for servers: its extended key usage lacks serverAuth`,
    ),
  ]
}

function signatureProblems(certificate: Certificate): Problem[] {
  if (!certificate.fields.signature.isWeak) return []
  return [
    critical(
      'weak-signature',
      `${describe(certificate)} is signed with ${certificate.info.signatureAlgorithm}, which can be forged: clients reject it, have it reissued`,
    ),
  ]
}

/** `"CN=example.com" (serial 0a1b)` */
export function describe(certificate: Certificate): string {
  const { subject, sans, serialNumber } = certificate.info
  const name = subject !== '' ? subject : (sans.dns[0] ?? sans.ips[0] ?? 'no subject')
  return `"${name}" (serial ${serialNumber})`
}
