import type { CertificateInfo } from './certificate.ts'
import { isSuccess, seconds, type SuccessPolicy } from './blackbox-metrics.ts'
import { gauge, type Metric } from './exposition.ts'
import type { OcspReport } from './ocsp.ts'
import type { EndpointReport, Origin } from './report.ts'

/** The probers of ssl_exporter. */
export type SslProber = 'tcp' | 'https' | 'file' | 'kubernetes' | 'kubeconfig'

const OCSP_STATUS = { good: 0, revoked: 1, unknown: 2 } as const
const NOT_AFTER = 'NotAfter expressed as a Unix Epoch Time'
const NOT_BEFORE = 'NotBefore expressed as a Unix Epoch Time'

/**
 * The metrics of ssl_exporter, by the same names, labels and values. Unlike there, the status of an
 * OCSP response is exported only if there is one: no response does not mean "good".
 */
export function sslExporterMetrics(
  endpoints: readonly EndpointReport[],
  prober: SslProber,
  policy: SuccessPolicy = {},
): Metric[] {
  const success = endpoints.length > 0 && endpoints.every((endpoint) => isSuccess(endpoint, policy))
  return [
    gauge('ssl_probe_success', 'If the probe was a success', success ? 1 : 0),
    {
      name: 'ssl_prober',
      help: 'The prober used by the exporter to connect to the target',
      samples: [{ labels: { prober }, value: 1 }],
    },
    ...endpoints.flatMap((endpoint) =>
      endpoint.origin === undefined ? presentedMetrics(endpoint) : storedMetrics(endpoint, endpoint.origin),
    ),
  ]
}

function presentedMetrics({ chain, verifiedChains, tls, ocsp }: EndpointReport): Metric[] {
  if (chain.length === 0) return []
  const verified = verifiedChains.flatMap(({ certificates }, index) =>
    unique(certificates).map((certificate) => [{ chain_no: String(index) }, certificate] as const),
  )
  return [
    ...validity(
      'ssl_cert',
      unique(chain).map((certificate) => [{}, certificate]),
    ),
    ...validity('ssl_verified_cert', verified),
    ...(tls === undefined
      ? []
      : [
          {
            name: 'ssl_tls_version_info',
            help: 'The TLS version used',
            samples: [{ labels: { version: tls.protocol }, value: 1 }],
          },
        ]),
    ...ocspMetrics(ocsp?.source === 'stapled' ? ocsp : undefined),
  ]
}

function storedMetrics({ chain }: EndpointReport, origin: Origin): Metric[] {
  const [prefix, labels] = originLabels(origin)
  return validity(
    prefix,
    unique(chain).map((certificate) => [labels, certificate]),
  )
}

function originLabels(origin: Origin): [prefix: string, labels: Record<string, string>] {
  if (origin.kind === 'file') return ['ssl_file_cert', { file: origin.path }]
  if (origin.kind === 'kubeconfig') {
    return ['ssl_kubeconfig_cert', { kubeconfig: origin.path, name: origin.name, type: origin.type }]
  }
  return ['ssl_kubernetes_cert', { namespace: origin.namespace, secret: origin.secret, key: origin.key }]
}

function validity(
  prefix: string,
  certificates: readonly (readonly [Record<string, string>, CertificateInfo])[],
): Metric[] {
  const labelled = certificates.map(([labels, certificate]) => ({
    labels: { ...labels, ...certificateLabels(certificate) },
    certificate,
  }))
  const notAfter = labelled.map(({ labels, certificate }) => ({
    labels,
    value: seconds(certificate.notAfter),
  }))
  const notBefore = labelled.map(({ labels, certificate }) => ({
    labels,
    value: seconds(certificate.notBefore),
  }))
  return [
    { name: `${prefix}_not_after`, help: NOT_AFTER, samples: notAfter },
    { name: `${prefix}_not_before`, help: NOT_BEFORE, samples: notBefore },
  ]
}

function certificateLabels(certificate: CertificateInfo): Record<string, string> {
  return {
    serial_no: BigInt(`0x${certificate.serialNumber || '0'}`).toString(),
    issuer_cn: certificate.issuerCommonName,
    cn: certificate.commonName,
    dnsnames: list(certificate.sans.dns),
    ips: list(certificate.sans.ips),
    emails: list(certificate.sans.emails),
    ou: list(certificate.organizationalUnits),
  }
}

/** Commas around as well as between, so that `=~".*,name,.*"` finds whole names. */
function list(values: readonly string[]): string {
  return values.length === 0 ? '' : `,${values.join(',')},`
}

/** ssl_exporter takes two of the same serial number and issuer for one. */
function unique(certificates: readonly CertificateInfo[]): CertificateInfo[] {
  const firsts = new Map<string, CertificateInfo>()
  for (const certificate of certificates) {
    const key = `${certificate.serialNumber} ${certificate.issuerCommonName}`
    if (!firsts.has(key)) firsts.set(key, certificate)
  }
  return [...firsts.values()]
}

function ocspMetrics(ocsp: OcspReport | undefined): Metric[] {
  const name = (suffix: string): string => `ssl_ocsp_response_${suffix}`
  const time = (suffix: string, help: string, iso: string | undefined): Metric[] =>
    iso === undefined
      ? []
      : [
          gauge(
            name(suffix),
            `The ${help} value in the OCSP response, expressed as a Unix Epoch Time`,
            seconds(iso),
          ),
        ]
  return [
    gauge(
      name('stapled'),
      'If the connection state contains a stapled OCSP response',
      ocsp === undefined ? 0 : 1,
    ),
    ...(ocsp?.status === undefined
      ? []
      : [
          gauge(
            name('status'),
            'The status in the OCSP response 0=Good 1=Revoked 2=Unknown',
            OCSP_STATUS[ocsp.status],
          ),
        ]),
    ...time('produced_at', 'producedAt', ocsp?.producedAt),
    ...time('this_update', 'thisUpdate', ocsp?.thisUpdate),
    ...time('next_update', 'nextUpdate', ocsp?.nextUpdate),
    ...time('revoked_at', 'revocationTime', ocsp?.revokedAt),
  ]
}
