import { probe, type ProbeOptions } from './probe.ts'
import type { ProbeReport } from './report.ts'
import { createTlsSettings } from './tls-settings.ts'
import { createTrustStore } from './trust.ts'

/** Options of {@link probeMany}. */
export interface ProbeManyOptions extends ProbeOptions {
  /** How many targets are probed at once. @default 100 */
  readonly concurrency?: number
  /** Told of each report as it comes, with how many of all are done. */
  readonly onReport?: (report: ProbeReport, done: number, total: number) => void
}

/**
 * Probes many targets and gives their reports in the order of the targets. One that hangs costs its
 * own deadline, and holds up none of the others.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_TARGET`
 *
 * @example
 * ```ts
 * import { createTrustStore, probeMany } from '@ops/cert-probe'
 *
 * const reports = await probeMany(['example.com', 'smtp://mail.example.com', '/etc/letsencrypt/live'], {
 *   trust: createTrustStore(),
 *   concurrency: 20,
 *   onReport: (report, done, total) => console.log(`${done}/${total}`, report.target, report.status),
 * })
 * process.exitCode = reports.every(({ status }) => status === 'ok') ? 0 : 1
 * ```
 */
export async function probeMany(
  targets: readonly string[],
  options: ProbeManyOptions = {},
): Promise<ProbeReport[]> {
  const { concurrency = 100, onReport, ...rest } = options
  const shared = { ...rest, trust: rest.trust ?? createTrustStore(), tls: rest.tls ?? createTlsSettings() }
  const reports: ProbeReport[] = []
  const queue = targets.entries()
  let done = 0
  const worker = async (): Promise<void> => {
    for (const [index, target] of queue) {
      reports[index] = await probe(target, shared)
      done += 1
      onReport?.(reports[index], done, targets.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, targets.length) }, worker))
  return reports
}
