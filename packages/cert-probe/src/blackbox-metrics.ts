import { isIPv4 } from 'node:net'
import { parseIp } from './certificate.ts'
import { gauge, type Metric } from './exposition.ts'
import type { EndpointReport } from './report.ts'

/** What counts as a success of a probe. */
export interface SuccessPolicy {
  /** Count a server whose certificate is not trusted as a success, as `insecure_skip_verify` does. */
  readonly insecure?: boolean
  /** The lowest TLS version that counts as a success. @default 'TLS 1.2', as in blackbox_exporter */
  readonly minVersion?: string
}

/** What Go makes of the time zero: blackbox_exporter exports it where it did not verify. */
const GO_ZERO_TIME_SECONDS = -62_135_596_800

/** Whether blackbox_exporter would call this probe a success. */
export function isSuccess(endpoint: EndpointReport, policy: SuccessPolicy = {}): boolean {
  if (endpoint.failure !== undefined || endpoint.verdict === undefined) return false
  if (endpoint.tls !== undefined && endpoint.tls.protocol < (policy.minVersion ?? 'TLS 1.2')) return false
  if (endpoint.origin !== undefined) return true
  return policy.insecure === true || endpoint.verdict.isTrusted
}

/**
 * The metrics of blackbox_exporter's probers that speak of TLS, by the same names, labels and values.
 * Unlike there, they are exported whenever a certificate was seen, also if the probe is no success.
 */
export function blackboxMetrics(endpoint: EndpointReport, policy: SuccessPolicy = {}): Metric[] {
  const { timings, ip, tls } = endpoint
  const address =
    ip === undefined
      ? []
      : [
          gauge(
            'probe_ip_addr_hash',
            "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
            fnv1a(parseIp(ip)),
          ),
          gauge('probe_ip_protocol', 'Specifies whether probe ip protocol is IP4 or IP6', isIPv4(ip) ? 4 : 6),
        ]
  const agreed =
    tls === undefined
      ? []
      : [
          info('probe_tls_version_info', 'Returns the TLS version used or NaN when unknown', {
            version: tls.protocol,
          }),
          info('probe_tls_cipher_info', 'Returns the TLS cipher negotiated during handshake', {
            cipher: tls.cipher,
          }),
        ]
  return [
    gauge(
      'probe_success',
      'Displays whether or not the probe was a success',
      isSuccess(endpoint, policy) ? 1 : 0,
    ),
    gauge(
      'probe_duration_seconds',
      'Returns how long the probe took to complete in seconds',
      timings.totalMs / 1000,
    ),
    ...(timings.resolveMs === undefined
      ? []
      : [
          gauge(
            'probe_dns_lookup_time_seconds',
            'Returns the time taken for probe dns lookup in seconds',
            timings.resolveMs / 1000,
          ),
        ]),
    ...address,
    ...certificateMetrics(endpoint, policy),
    ...agreed,
  ]
}

function certificateMetrics({ chain, verifiedChains }: EndpointReport, policy: SuccessPolicy): Metric[] {
  const [leaf] = chain
  if (leaf === undefined) return []
  const lastChain =
    policy.insecure === true
      ? GO_ZERO_TIME_SECONDS
      : verifiedChains[0] && seconds(verifiedChains[0].expiresAt)
  return [
    gauge(
      'probe_ssl_earliest_cert_expiry',
      'Returns last SSL chain expiry in unixtime',
      Math.min(...chain.map((certificate) => seconds(certificate.notAfter))),
    ),
    ...(lastChain === undefined
      ? []
      : [
          gauge(
            'probe_ssl_last_chain_expiry_timestamp_seconds',
            'Returns last SSL chain expiry in timestamp',
            lastChain,
          ),
        ]),
    info('probe_ssl_last_chain_info', 'Contains SSL leaf certificate information', {
      fingerprint_sha256: leaf.fingerprintSha256,
      subject: leaf.subject,
      issuer: leaf.issuer,
      subjectalternative: leaf.sans.dns.join(','),
      serialnumber: leaf.serialNumber,
    }),
  ]
}

function info(name: string, help: string, labels: Readonly<Record<string, string>>): Metric {
  return { name, help, samples: [{ labels, value: 1 }] }
}

/** Seconds since 1970, whole ones as in a certificate. */
export function seconds(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000)
}

/** FNV-1a with 32 bits. */
function fnv1a(octets: Buffer): number {
  return octets.reduce((hash, octet) => Math.imul(hash ^ octet, 0x0100_0193) >>> 0, 0x811c_9dc5)
}
