import type { Certificate } from './certificate.ts'
import type { CertificateCache } from './certificate-cache.ts'
import { ProbeFailure } from './failure.ts'
import type { Handshake } from './handshake.ts'
import { ocspProblems, readStapled } from './ocsp-check.ts'
import type { OcspReport } from './ocsp.ts'
import { warning, type Problem } from './problem.ts'
import type { EndpointReport } from './report.ts'
import type { TrustStore } from './trust.ts'
import { judge, withProblems, type Judgement, type VerdictOptions } from './verdict.ts'
import { chainExpiryMs } from './verify-chain.ts'

export interface InspectOptions extends VerdictOptions {
  readonly trust: TrustStore
  readonly nowMs: number
  /** Asks a responder where nothing is stapled. */
  readonly askOcsp?: (leaf: Certificate, issuer: Certificate | undefined) => Promise<OcspReport>
}

type Findings = Omit<EndpointReport, 'location' | 'timings'>

/** Turns what a handshake brought into what there is to say about it. */
export async function inspect(
  handshake: Handshake,
  serverName: string | undefined,
  options: InspectOptions,
): Promise<Findings> {
  const common = {
    ...(handshake.tls === undefined ? {} : { tls: handshake.tls }),
    ...(handshake.failure === undefined ? {} : { failure: handshake.failure }),
  }
  const { certificates, failure } = parseChain(handshake.chain, options.trust.cache)
  if (certificates === undefined) {
    return {
      ...common,
      failure: common.failure ?? failure.failure,
      status: 'unknown',
      chain: [],
      verifiedChains: [],
    }
  }
  const judgement = judge(certificates, serverName, options.trust, options.nowMs, options)
  const ocsp = await checkOcsp(handshake, certificates, judgement, options)
  const verdict = {
    ...judgement.verdict,
    ...withProblems([
      ...judgement.verdict.problems,
      ...ocspProblems(certificates[0], ocsp),
      ...protocolProblems(handshake),
    ]),
  }
  return {
    ...common,
    status: verdict.status,
    chain: certificates.map((certificate) => certificate.info),
    verifiedChains: judgement.verification.verified.map((chain) => ({
      expiresAt: new Date(chainExpiryMs(chain)).toISOString(),
      certificates: chain.map((certificate) => certificate.info),
    })),
    verdict,
    ...(ocsp === undefined ? {} : { ocsp }),
  }
}

/** An intermediate that cannot be read does not hide the certificates that can. */
function parseChain(
  ders: readonly Buffer[],
  cache: CertificateCache,
):
  | { certificates: [Certificate, ...Certificate[]]; failure?: undefined }
  | { certificates: undefined; failure: ProbeFailure } {
  const [leafDer, ...rest] = ders
  if (leafDer === undefined) {
    return {
      certificates: undefined,
      failure: new ProbeFailure('tls', 'no-certificate', 'the server presented no certificate'),
    }
  }
  try {
    const leaf = cache.parse(leafDer)
    return { certificates: [leaf, ...rest.flatMap((der) => readable(der, cache))] }
  } catch (error) {
    const message = `the server's certificate cannot be read: ${(error as Error).message}`
    return {
      certificates: undefined,
      failure: new ProbeFailure('read', 'certificate-unreadable', message, error),
    }
  }
}

function readable(der: Buffer, cache: CertificateCache): Certificate[] {
  try {
    return [cache.parse(der)]
  } catch {
    return []
  }
}

async function checkOcsp(
  handshake: Handshake,
  [leaf, ...others]: readonly [Certificate, ...Certificate[]],
  { verification }: Judgement,
  options: InspectOptions,
): Promise<OcspReport | undefined> {
  const issuer = verification.best[1] ?? others.find((other) => options.trust.cache.hasSigned(other, leaf))
  if (handshake.ocspResponse !== undefined)
    return readStapled(handshake.ocspResponse, leaf, issuer, options.nowMs)
  return options.askOcsp?.(leaf, issuer)
}

/** RFC 8996 deprecates what came before TLS 1.2. */
function protocolProblems({ tls }: Handshake): Problem[] {
  if (tls === undefined || !/^(SSL|TLS 1\.[01])/.test(tls.protocol)) return []
  return [
    warning(
      'weak-protocol',
      `the server agreed to ${tls.protocol} and nothing newer, which clients refuse: enable TLS 1.2 or 1.3`,
    ),
  ]
}
