import { errorMessage } from '@ops/internal-error'
import type { Certificate } from './certificate.ts'
import { exchange, type HttpExchange } from './http-exchange.ts'
import { encodeOcspRequest, readOcspResponse, type OcspReport } from './ocsp.ts'
import { critical, warning, type Problem } from './problem.ts'
import { describe } from './verify-chain.ts'

const MAX_RESPONSE_BYTES = 64 * 1024

/** Reads a stapled response; a malformed one is reported, not thrown. */
export function readStapled(
  response: Buffer,
  leaf: Certificate,
  issuer: Certificate | undefined,
  nowMs: number,
): OcspReport {
  try {
    return { source: 'stapled', ...readOcspResponse(response, leaf, issuer, nowMs) }
  } catch (error) {
    return { source: 'stapled', error: errorMessage(error) }
  }
}

export interface AskOcspOptions extends Pick<HttpExchange, 'signal' | 'resolve' | 'allowAddress'> {
  readonly nowMs: number
}

/** Asks the responder that the certificate names, over plain HTTP, which is how OCSP is served. */
export async function askOcsp(
  leaf: Certificate,
  issuer: Certificate | undefined,
  options: AskOcspOptions,
): Promise<OcspReport> {
  const responder = leaf.info.ocspUrls.find((url) => /^https?:\/\//i.test(url) && URL.canParse(url))
  if (responder === undefined) return { source: 'asked', error: 'the certificate names no OCSP responder' }
  if (issuer === undefined)
    return {
      source: 'asked',
      responder,
      error: 'the issuer is not known, and OCSP asks about issuer and serial number',
    }
  try {
    const response = await exchange(new URL(responder), {
      method: 'POST',
      headers: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
      body: encodeOcspRequest(leaf, issuer),
      maxBytes: MAX_RESPONSE_BYTES,
      signal: options.signal,
      // The responder's address comes out of a stranger's certificate: the same guard stands before it.
      ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
      ...(options.allowAddress === undefined ? {} : { allowAddress: options.allowAddress }),
    })
    return { source: 'asked', responder, ...readOcspResponse(response, leaf, issuer, options.nowMs) }
  } catch (error) {
    return { source: 'asked', responder, error: errorMessage(error) }
  }
}

/** What follows from it for the verdict. */
export function ocspProblems(leaf: Certificate, report: OcspReport | undefined): Problem[] {
  if (report?.status === 'revoked' && report.isTrusted === true) {
    const why = report.reason === undefined ? '' : ` (${report.reason})`
    return [
      critical(
        'revoked',
        `${describe(leaf)} was revoked ${report.revokedAt}${why}: have it reissued with a new key`,
      ),
    ]
  }
  const isGood = report?.status === 'good' && report.isTrusted === true
  if (leaf.fields.mustStaple && !(isGood && report.source === 'stapled')) {
    return [
      critical(
        'revocation-unknown',
        `${describe(leaf)} demands a stapled OCSP response, and the server sends no good one: switch stapling on`,
      ),
    ]
  }
  if (report === undefined || isGood) return []
  // A certificate that names no responder cannot be asked about, and many issuers have given OCSP up.
  if (report.source === 'asked' && leaf.info.ocspUrls.length === 0) return []
  const why = report.error ?? report.distrust ?? 'the responder does not know it'
  return [
    warning(
      'revocation-unknown',
      `whether ${describe(leaf)} is revoked cannot be told from the ${report.source} OCSP response: ${why}`,
    ),
  ]
}
