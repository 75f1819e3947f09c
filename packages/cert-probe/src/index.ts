/**
 * When does which certificate expire, over every protocol and address.
 * @module @ops/cert-probe
 */
export { probe, type ProbeOptions } from './probe.ts'
export { probeMany, type ProbeManyOptions } from './probe-many.ts'
export type { EndpointReport, Origin, ProbeReport, Status, Timings, VerifiedChain } from './report.ts'
export type { CertificateInfo, CertificateKey } from './certificate.ts'
export type { Verdict, VerdictOptions } from './verdict.ts'
export { PROBLEM_CODES, type Problem, type ProblemCode } from './problem.ts'
export { FAILURE_CODES, type Failure, type FailureCode, type Phase } from './failure.ts'
export { renewalState, type RenewalState } from './renewal.ts'
export type { OcspReport, OcspStatus } from './ocsp.ts'
export { createTrustStore, type TrustStore, type TrustStoreOptions } from './trust.ts'
export type { Handshake, TlsInfo } from './handshake.ts'
export { createTlsSettings, type TlsSettings } from './tls-settings.ts'
export type { TlsSettingsOptions } from './tls-context.ts'
export type { Dial, DialOrder, DialResult } from './dial.ts'
export {
  formatTarget,
  parseTarget,
  type FileTarget,
  type KubernetesTarget,
  type NetworkTarget,
  type Target,
  type UnixTarget,
} from './target.ts'
export { STARTTLS_PROTOCOLS, type StartTlsProtocol } from './starttls.ts'
export type { IpPreference, Resolve, ResolvedAddress } from './resolve.ts'
export type { KubernetesOptions } from './kubernetes.ts'
export { sanTargets } from './san-targets.ts'
export { readTargetList, watchTargetList, type WatchTargetListOptions } from './target-list.ts'
export { discoverCaddy, type CaddySite, type DiscoverCaddyOptions } from './discover-caddy.ts'
export {
  createDiscovery,
  type DiscoveredTargets,
  type Discovery,
  type DiscoveryOptions,
  type DiscoverySource,
} from './discovery.ts'
export { createMonitor, type Monitor, type MonitorOptions } from './monitor.ts'
export { createExporter, type Exporter, type ExporterOptions, type Logger } from './exporter.ts'
export { defaultModules, loadModules, type Module, type Modules } from './modules.ts'
export type { SuccessPolicy } from './blackbox-metrics.ts'
export type { SslProber } from './ssl-exporter-metrics.ts'
export { isPrivateAddress, type NetworkPolicyOptions } from './network-policy.ts'
export {
  CERT_PROBE_ERROR_CODES,
  CertProbeError,
  isCertProbeError,
  type CertProbeErrorCode,
  type CertProbeErrorDetails,
} from './errors.ts'
