import type { Certificate } from './certificate.ts'
import { isForName } from './name-match.ts'
import { critical, warning, type Problem } from './problem.ts'
import { renewalState, type RenewalState } from './renewal.ts'
import type { TrustStore } from './trust.ts'
import { chainExpiryMs, describe, verifyChain, type Chain, type ChainVerification } from './verify-chain.ts'

/** When to warn of what comes. */
export interface VerdictOptions {
  /**
   * Warn this long before clients start to fail.
   * @default 30, or a third of the certificate's lifetime where that is less
   */
  readonly warnDays?: number
  /** @default 7, or a twelfth of the certificate's lifetime where that is less */
  readonly criticalDays?: number
  /** When a renewal is due. @default a third of the lifetime before expiry */
  readonly renewBeforeDays?: number
}

/** What there is to say of a presented chain. */
export interface Verdict {
  readonly status: 'ok' | 'warning' | 'critical'
  /** Worst first; empty if all is well. */
  readonly problems: readonly Problem[]
  /** Whether a client that trusts the same roots and asks for this name accepts it now. */
  readonly isTrusted: boolean
  /** When clients start to fail: the end of the longest-lasting chain, or of what comes nearest. */
  readonly expiresAt: string
  /** Whole days until then, rounded down; negative when it is past. */
  readonly daysLeft: number
  readonly renewal: RenewalState
}

export interface Judgement {
  readonly verdict: Verdict
  readonly verification: ChainVerification
}

const DAY_MS = 86_400_000

/** Judges what a server presented, or what a file holds (then without a `name`). */
export function judge(
  presented: readonly [Certificate, ...Certificate[]],
  name: string | undefined,
  trust: TrustStore,
  nowMs: number,
  options: VerdictOptions = {},
): Judgement {
  const [leaf] = presented
  const verification = verifyChain(presented, trust, nowMs)
  const expiresAtMs = chainExpiryMs(verification.best)
  const renewal = renewalState(leaf.info, nowMs, options.renewBeforeDays)
  const nameProblems = name === undefined || isForName(leaf, name) ? [] : [wrongName(leaf, name)]
  const problems = [
    ...verification.problems,
    ...nameProblems,
    ...keyProblems(verification.best),
    ...expiryProblems(verification.best, nowMs, options),
    ...renewalProblems(leaf, renewal, nowMs),
  ]
  return {
    verification,
    verdict: {
      ...withProblems(problems),
      isTrusted: verification.verified.length > 0 && nameProblems.length === 0,
      expiresAt: new Date(expiresAtMs).toISOString(),
      daysLeft: Math.floor((expiresAtMs - nowMs) / DAY_MS),
      renewal,
    },
  }
}

/** The status that follows from problems, and the problems in order. */
export function withProblems(problems: readonly Problem[]): Pick<Verdict, 'status' | 'problems'> {
  const isCritical = problems.some((problem) => problem.severity === 'critical')
  return {
    status: isCritical ? 'critical' : problems.length > 0 ? 'warning' : 'ok',
    problems: problems.toSorted((a, b) => a.severity.localeCompare(b.severity)),
  }
}

function wrongName(leaf: Certificate, name: string): Problem {
  const { dns, ips } = leaf.info.sans
  const names = [...dns, ...ips]
  const listed =
    names.length === 0 ? 'no name at all (a common name does not count)' : names.slice(0, 5).join(', ')
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ''
  return critical('wrong-name', `${describe(leaf)} is not for ${name}: it is for ${listed}${more}`)
}

/** Sizes as in the CA/Browser Forum's Baseline Requirements, section 6.1.5. */
function keyProblems(chain: Chain): Problem[] {
  return chain.flatMap((certificate) => {
    const { type, bits } = certificate.info.key
    if (bits === undefined || bits >= 2048 || !['rsa', 'rsa-pss', 'dsa'].includes(type)) return []
    const message = `${describe(certificate)} has a ${type.toUpperCase()} key of ${bits} bits, which can be broken: 2048 are the least`
    return [bits < 1024 ? critical('weak-key', message) : warning('weak-key', message)]
  })
}

/** Looks at the certificate of the chain that ends first; one that has ended is reported as expired. */
function expiryProblems(chain: Chain, nowMs: number, options: VerdictOptions): Problem[] {
  const first = chain.toSorted((a, b) => a.notAfterMs - b.notAfterMs)[0]!
  const leftMs = first.notAfterMs - nowMs
  if (leftMs < 0) return []
  const lifetimeDays = (first.notAfterMs - first.notBeforeMs) / DAY_MS
  const criticalDays = options.criticalDays ?? Math.min(7, lifetimeDays / 12)
  const warnDays = options.warnDays ?? Math.min(30, lifetimeDays / 3)
  const isCritical = leftMs < criticalDays * DAY_MS
  if (!isCritical && leftMs >= warnDays * DAY_MS) return []
  const message = `${describe(first)} expires ${first.info.notAfter}, in ${formatLeft(leftMs)}: renew it, and reload the server`
  return [isCritical ? critical('expires-soon', message) : warning('expires-soon', message)]
}

function renewalProblems(leaf: Certificate, renewal: RenewalState, nowMs: number): Problem[] {
  if (!renewal.isOverdue || nowMs > leaf.notAfterMs) return []
  return [
    warning(
      'renewal-overdue',
      `${describe(leaf)} should have been renewed by ${renewal.dueAt}: look at the log of the ACME client`,
    ),
  ]
}

function formatLeft(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY_MS)
  if (days >= 2) return `${days} days`
  return `${Math.floor(milliseconds / 3_600_000)} hours`
}
