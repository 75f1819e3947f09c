import { readFile } from 'node:fs/promises'
import {
  createDiscovery,
  createTrustStore,
  probeMany,
  type Discovery,
  type ProbeReport,
} from '@ops/cert-probe'
import { registerCertProbeMetrics } from '@ops/cert-probe/prometheus'
import { errorMessage } from '@ops/internal-error'
import type { Job } from '@ops/internal-jobs'
import * as client from '@prometheus-io/client'
import { scheduleOf, type JobContext } from './context.ts'

export interface CertificatesJob extends Job, AsyncDisposable {
  /** Of the last run. */
  readonly reports: () => readonly ProbeReport[]
}

/** Probes every certificate that is configured, or a site of the Caddy. */
export function certificatesJob(registry: client.Registry, context: JobContext): CertificatesJob {
  const { targets, file, caddy, caFile, timeout } = context.config.certificates
  let last: ProbeReport[] = []
  let named: readonly string[] | undefined
  const discovery: Discovery = createDiscovery({
    targets,
    listPath: file,
    caddyUrl: caddy,
    onChange: (found) => {
      named = found.named
    },
    onError: (source, error) =>
      context.logger.warn({ source, reason: errorMessage(error) }, 'the targets are left as they were'),
  })
  registerCertProbeMetrics({ client, registry, monitor: { reports: () => last }, discovery })
  return {
    kind: 'certificates',
    isLocal: true,
    schedule: scheduleOf(context, context.config.certificates, 'certificates'),
    async run({ signal }) {
      named ??= (await discovery.start()).named
      const caPem = caFile === undefined ? undefined : await readFile(caFile, 'utf8')
      const trust = createTrustStore({ caPem, addToSystem: true })
      last = await probeMany(named, { addresses: 'all', timeoutMs: timeout, trust, signal })
    },
    reports: () => last,
    [Symbol.asyncDispose]: () => discovery.stop(),
  }
}
