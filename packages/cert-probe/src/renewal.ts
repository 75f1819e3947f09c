import type { CertificateInfo } from './certificate.ts'

const DAY_MS = 86_400_000

/** Whether the renewal that should have happened by now did happen. */
export interface RenewalState {
  /** When a healthy ACME client replaces the certificate at the latest. */
  readonly dueAt: string
  readonly isOverdue: boolean
  readonly overdueDays: number
}

/**
 * Tells an overdue renewal long before it hurts. Without `renewBeforeDays` a renewal is due when a
 * third of the lifetime is left, which is what ACME clients do: 30 days of 90, 2 days of 6.
 *
 * @example
 * ```ts
 * import { renewalState } from '@ops/cert-probe'
 *
 * const certificate = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-04-01T00:00:00Z' }
 * const { dueAt, isOverdue } = renewalState(certificate, Date.parse('2026-03-10T00:00:00Z'))
 * console.log(dueAt, isOverdue) // 2026-03-02T00:00:00.000Z true
 * ```
 */
export function renewalState(
  certificate: Pick<CertificateInfo, 'notBefore' | 'notAfter'>,
  nowMs: number,
  renewBeforeDays?: number,
): RenewalState {
  const notAfterMs = Date.parse(certificate.notAfter)
  const lifetimeMs = Math.max(0, notAfterMs - Date.parse(certificate.notBefore))
  const dueMs = notAfterMs - (renewBeforeDays === undefined ? lifetimeMs / 3 : renewBeforeDays * DAY_MS)
  return {
    dueAt: new Date(Math.max(dueMs, -8.64e15)).toISOString(),
    isOverdue: nowMs > dueMs,
    overdueDays: Math.max(0, Math.floor((nowMs - dueMs) / DAY_MS)),
  }
}
