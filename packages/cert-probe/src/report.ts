import type { CertificateInfo } from './certificate.ts'
import type { Failure } from './failure.ts'
import type { TlsInfo } from './handshake.ts'
import type { OcspReport } from './ocsp.ts'
import type { Verdict } from './verdict.ts'

/** `unknown`: no certificate was seen, so nothing can be said about it. */
export type Status = 'ok' | 'warning' | 'critical' | 'unknown'

/** What a probe found: plain JSON. */
export interface ProbeReport {
  /** The target without credentials. */
  readonly target: string
  readonly startedAt: string
  /** The worst of the endpoints. */
  readonly status: Status
  /** One for each address that was looked at, or for each certificate of a file; never empty. */
  readonly endpoints: readonly EndpointReport[]
}

/** One place where one chain was found, or should have been. */
export interface EndpointReport {
  /** `192.0.2.7:443`, `/run/postgresql/.s.PGSQL.5432`, `/etc/ssl/site.pem`, `shop/tls-cert:tls.crt` … */
  readonly location: string
  readonly status: Status
  /** The address that was connected to. */
  readonly ip?: string
  /** The name that the certificate was judged by. */
  readonly serverName?: string
  /** Set for what was found in a file or a Secret. */
  readonly origin?: Origin
  /** What was presented, in the server's order. */
  readonly chain: readonly CertificateInfo[]
  /** All chains to a trusted root that hold now, the longest-lasting first. */
  readonly verifiedChains: readonly VerifiedChain[]
  /** There whenever a certificate was seen, also after a failure. */
  readonly verdict?: Verdict
  readonly tls?: TlsInfo
  readonly ocsp?: OcspReport
  /** What kept the probe from its end. */
  readonly failure?: Failure
  readonly timings: Timings
}

/** A chain from the server's certificate to a trusted root. */
export interface VerifiedChain {
  readonly expiresAt: string
  readonly certificates: readonly CertificateInfo[]
}

/** Where a certificate was stored that no server presented. */
export type Origin =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'kubeconfig'
      readonly path: string
      readonly name: string
      readonly type: 'cluster' | 'user'
    }
  | { readonly kind: 'kubernetes'; readonly namespace: string; readonly secret: string; readonly key: string }

/** How long each phase took; a phase that was not reached is not there. */
export interface Timings {
  readonly resolveMs?: number
  readonly connectMs?: number
  readonly startTlsMs?: number
  readonly tlsMs?: number
  readonly totalMs: number
}

const BY_URGENCY: readonly Status[] = ['critical', 'unknown', 'warning', 'ok']

/** The most urgent of several. */
export function worstStatus(statuses: readonly Status[]): Status {
  return BY_URGENCY.find((status) => statuses.includes(status)) ?? 'unknown'
}
