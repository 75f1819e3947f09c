import type { ProbeReport } from '@ops/cert-probe'
import type { CertificateStatus } from './status.ts'

/** What the page shows of the certificates that were probed. */
export function certificateStatus(reports: readonly ProbeReport[]): CertificateStatus[] {
  return reports.flatMap(({ target, endpoints }) =>
    endpoints.map(({ location, status: state, chain, verdict, failure }) => ({
      target,
      location,
      state,
      subject: chain[0]?.subject ?? null,
      expiresAt: verdict?.expiresAt ?? null,
      daysLeft: verdict?.daysLeft ?? null,
      problem: verdict?.problems[0]?.message ?? failure?.message ?? null,
    })),
  )
}
