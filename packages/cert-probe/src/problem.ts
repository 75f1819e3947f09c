/** What can be wrong with a certificate, or with how a server presents it. */
export const PROBLEM_CODES = [
  'expired',
  'not-yet-valid',
  'expires-soon',
  'renewal-overdue',
  'wrong-name',
  'self-signed',
  'unknown-issuer',
  'incomplete-chain',
  'bad-issuer',
  'name-constraint',
  'wrong-usage',
  'weak-key',
  'weak-signature',
  'weak-protocol',
  'revoked',
  'revocation-unknown',
  'malformed',
] as const

/** One of {@link PROBLEM_CODES}. */
export type ProblemCode = (typeof PROBLEM_CODES)[number]

/** One thing that is wrong with a certificate, or with how a server presents it. */
export interface Problem {
  readonly code: ProblemCode
  /** `critical`: clients fail now, or within `criticalDays`. `warning`: they will, or should. */
  readonly severity: 'warning' | 'critical'
  /** One sentence that names the certificate and says what to do. */
  readonly message: string
}

/** A problem that makes clients fail. */
export function critical(code: ProblemCode, message: string): Problem {
  return { code, severity: 'critical', message }
}

/** A problem that clients do not see yet. */
export function warning(code: ProblemCode, message: string): Problem {
  return { code, severity: 'warning', message }
}
