import { parseCertificate, type Certificate } from './certificate.ts'
import { createCertificateCache } from './certificate-cache.ts'
import type { Failure } from './failure.ts'
import type { EndpointReport, Origin } from './report.ts'
import type { TrustStore } from './trust.ts'
import { judge, withProblems, type VerdictOptions } from './verdict.ts'

/** Certificates that lie somewhere, instead of being presented. */
export interface StoredCertificates {
  readonly location: string
  readonly origin: Origin
  readonly ders: readonly Buffer[]
}

/** What lies somewhere is not verified: a CA's own file would never pass. What it says is judged. */
const ABOUT_TRUST: ReadonlySet<string> = new Set([
  'self-signed',
  'unknown-issuer',
  'incomplete-chain',
  'wrong-usage',
])

function noTrust(): TrustStore {
  return { roots: [], bySubject: () => [], has: () => false, cache: createCertificateCache() }
}

/** One report for each certificate that is not merely the issuer of another one there. */
export function reportStored(
  stored: StoredCertificates,
  nowMs: number,
  options: VerdictOptions,
  startedAt: number,
): EndpointReport[] {
  const nothing = noTrust()
  const certificates: Certificate[] = []
  for (const der of stored.ders) {
    try {
      certificates.push(parseCertificate(der))
    } catch (error) {
      const message = `a certificate in ${stored.location} cannot be read: ${(error as Error).message}`
      return [
        failedStored(
          stored.location,
          stored.origin,
          { phase: 'read', code: 'certificate-unreadable', message },
          startedAt,
        ),
      ]
    }
  }
  const groups = groupByLeaf(certificates)
  return groups.map((group, index) => {
    const { verdict } = judge(group, undefined, nothing, nowMs, options)
    const remaining = withProblems(verdict.problems.filter((problem) => !ABOUT_TRUST.has(problem.code)))
    return {
      location: groups.length === 1 ? stored.location : `${stored.location}#${index + 1}`,
      origin: stored.origin,
      status: remaining.status,
      chain: group.map((certificate) => certificate.info),
      verifiedChains: [],
      verdict: { ...verdict, ...remaining },
      timings: { totalMs: performance.now() - startedAt },
    }
  })
}

/** The report of something that could not be read. */
export function failedStored(
  location: string,
  origin: Origin | undefined,
  failure: Failure,
  startedAt: number,
): EndpointReport {
  return {
    location,
    ...(origin === undefined ? {} : { origin }),
    status: 'unknown',
    chain: [],
    verifiedChains: [],
    failure,
    timings: { totalMs: performance.now() - startedAt },
  }
}

function groupByLeaf(certificates: readonly Certificate[]): [Certificate, ...Certificate[]][] {
  const unique = [...new Map(certificates.map((each) => [each.info.fingerprintSha256, each])).values()]
  const issuersOfOthers = new Set(
    unique
      .filter((each) => !each.fields.issuerDer.equals(each.fields.subjectDer))
      .map((each) => each.fields.issuerDer.toString('latin1')),
  )
  const leaves = unique.filter((each) => !issuersOfOthers.has(each.fields.subjectDer.toString('latin1')))
  // Two that issued each other have no leaf; then each stands for itself.
  return (leaves.length > 0 ? leaves : unique).map((leaf) => [leaf, ...issuersOf(leaf, unique)])
}

/** The certificates above `leaf`, by name. */
function issuersOf(leaf: Certificate, all: readonly Certificate[]): Certificate[] {
  const found: Certificate[] = []
  for (let next: Certificate | undefined = leaf; next !== undefined;) {
    const child: Certificate = next
    next = all.find(
      (each) =>
        each !== leaf && !found.includes(each) && each.fields.subjectDer.equals(child.fields.issuerDer),
    )
    if (next !== undefined) found.push(next)
  }
  return found
}
