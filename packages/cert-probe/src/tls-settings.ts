import type { Dial } from './dial.ts'
import { createHandshakeThreads } from './handshake-threads.ts'
import type { TlsSettingsOptions } from './tls-context.ts'

/** How to shake hands, made once for many probes: making a context costs more than a handshake. */
export interface TlsSettings {
  /** Connects and shakes hands: on this thread, or, when there is much to do, on another. */
  readonly dial: Dial
}

/**
 * Prepares handshakes: a client certificate, ALPN and versions, read and checked once for many probes.
 *
 * When more than 32 handshakes are under way at once, further threads take part: as many in all as there
 * are cores, four at most. They end when they have had nothing to do for ten seconds, and do not keep
 * the process alive.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_CLIENT_CERTIFICATE`
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { createTlsSettings, probe } from '@ops/cert-probe'
 *
 * const tls = createTlsSettings({
 *   clientCertificatePem: await readFile('client.pem', 'utf8'),
 *   clientKeyPem: await readFile('client.key', 'utf8'),
 * })
 * const report = await probe('vault.example.com:8200', { tls })
 * console.log(report.status)
 * ```
 */
export function createTlsSettings(options: TlsSettingsOptions = {}): TlsSettings {
  return { dial: createHandshakeThreads(options) }
}
