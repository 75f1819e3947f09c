/** The phases of a probe, in order. */
export type Phase = 'resolve' | 'connect' | 'starttls' | 'tls' | 'read'

/** Why a probe did not come to its end. */
export const FAILURE_CODES = [
  'name-not-found',
  'address-not-allowed',
  'refused',
  'unreachable',
  'timeout',
  'closed',
  'starttls-refused',
  'not-tls',
  'client-certificate-required',
  'protocol-not-supported',
  'chain-too-large',
  'tls-failed',
  'certificate-unreadable',
  'no-certificate',
  'file-unreadable',
  'wrong-password',
  'api-failed',
] as const

/** One of {@link FAILURE_CODES}. */
export type FailureCode = (typeof FAILURE_CODES)[number]

/** Plain facts of a failed probe; certificates that were seen before it are reported all the same. */
export interface Failure {
  readonly phase: Phase
  readonly code: FailureCode
  readonly message: string
}

/** Carries a {@link Failure} from where it happens to where the report is made. Never leaves this package. */
export class ProbeFailure extends Error {
  override readonly name = 'ProbeFailure'
  readonly failure: Failure
  constructor(phase: Phase, code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.failure = { phase, code, message }
  }
}
