import { brandError, OpsError } from '@ops/internal-error'

/** Every code that a {@link CertProbeError} can have. */
export const CERT_PROBE_ERROR_CODES = [
  'CERT_PROBE_BAD_TARGET',
  'CERT_PROBE_BAD_CA_BUNDLE',
  'CERT_PROBE_BAD_CLIENT_CERTIFICATE',
  'CERT_PROBE_BAD_MODULES',
  'CERT_PROBE_TARGET_LIST_FAILED',
  'CERT_PROBE_DISCOVERY_FAILED',
  'CERT_PROBE_LISTEN_FAILED',
] as const

/** One of {@link CERT_PROBE_ERROR_CODES}. */
export type CertProbeErrorCode = (typeof CERT_PROBE_ERROR_CODES)[number]

/** Facts of a {@link CertProbeError}, for programs. */
export interface CertProbeErrorDetails {
  readonly target?: string
  readonly path?: string
  readonly url?: string
}

/**
 * What the caller asked for cannot be done. What a *peer* did wrong is never thrown: it is the
 * `failure` or a `problem` of a report, because that is what a probe is for.
 *
 * @example
 * ```ts
 * import { CertProbeError, parseTarget } from '@ops/cert-probe'
 *
 * try {
 *   parseTarget('gopher://example.com')
 * } catch (error) {
 *   if (error instanceof CertProbeError) console.log(error.code) // CERT_PROBE_BAD_TARGET
 * }
 * ```
 */
export class CertProbeError extends OpsError<CertProbeErrorCode, CertProbeErrorDetails> {
  override readonly name = 'CertProbeError'
}

/**
 * Whether `value` is a {@link CertProbeError}, also one from another copy of this package.
 *
 * @example
 * ```ts
 * import { isCertProbeError, probe } from '@ops/cert-probe'
 *
 * try {
 *   await probe(process.argv[2] ?? '')
 * } catch (error) {
 *   if (isCertProbeError(error) && error.code === 'CERT_PROBE_BAD_TARGET') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export const isCertProbeError: (value: unknown) => value is CertProbeError = brandError(
  CertProbeError,
  'ops.cert-probe.error',
)
