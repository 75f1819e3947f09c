import { isIP } from 'node:net'
import { startDeadline } from './deadline.ts'
import { millisecondsSince, toFailure, type DialOrder } from './dial.ts'
import type { Failure } from './failure.ts'
import { inspect, type InspectOptions } from './inspect.ts'
import { readKubernetesSecrets, type KubernetesOptions } from './kubernetes.ts'
import { withoutFinalDot } from './name-match.ts'
import { addressRefusal } from './network-policy.ts'
import { askOcsp } from './ocsp-check.ts'
import { probeFiles } from './probe-files.ts'
import { worstStatus, type EndpointReport, type ProbeReport, type Timings } from './report.ts'
import {
  resolveHost,
  systemResolve,
  type IpPreference,
  type Resolve,
  type ResolvedAddress,
} from './resolve.ts'
import {
  formatAddress,
  formatTarget,
  parseTarget,
  type NetworkTarget,
  type Target,
  type UnixTarget,
} from './target.ts'
import { createTlsSettings, type TlsSettings } from './tls-settings.ts'
import { createTrustStore, type TrustStore } from './trust.ts'
import type { VerdictOptions } from './verdict.ts'

/** Options of {@link probe}. */
export interface ProbeOptions extends VerdictOptions {
  /** For each address separately, from resolving the name to the end of the handshake. @default 10_000 */
  readonly timeoutMs?: number
  /** The name to ask for (SNI) and to judge by. @default the target's host */
  readonly serverName?: string
  /**
   * `any`: the addresses of the name in turn, until one accepts a connection. `first`: only the first.
   * `all`: every one of them, which finds the one node that was not renewed.
   * @default 'any'
   */
  readonly addresses?: 'any' | 'first' | 'all'
  /** @default 'any' */
  readonly ipPreference?: IpPreference
  /** Whom to trust; make it once for many probes. @default the machine's own roots */
  readonly trust?: TrustStore
  /** Client certificate, ALPN, versions; make it once for many probes. */
  readonly tls?: TlsSettings
  /** `stapled`: read what the server staples. `ask`: ask the responder where nothing is stapled. @default 'stapled' */
  readonly ocsp?: 'stapled' | 'ask'
  /** Which addresses may be connected to. @default all */
  readonly allowAddress?: (ip: string) => boolean
  /** @default as every program on this machine does it */
  readonly resolve?: Resolve
  /** Opens PKCS#12 files. */
  readonly filePassword?: string
  /** How to reach the cluster of `kubernetes://` targets. */
  readonly kubernetes?: KubernetesOptions
  /** @default Date.now */
  readonly now?: () => number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/**
 * Finds out which certificates a target presents or holds, and what is to be said about them.
 *
 * Whatever a server does, down to not being there, is in the report and not thrown.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_TARGET`
 *
 * @example
 * ```ts
 * import { probe } from '@ops/cert-probe'
 *
 * const report = await probe('postgres://db.example.com:5432', { addresses: 'all', timeoutMs: 5000 })
 * for (const { location, status, verdict, failure } of report.endpoints) {
 *   console.log(location, status, verdict?.daysLeft, verdict?.problems ?? failure)
 * }
 * ```
 */
export async function probe(target: string | Target, options: ProbeOptions = {}): Promise<ProbeReport> {
  options.signal?.throwIfAborted()
  const wanted = typeof target === 'string' ? parseTarget(target) : target
  const startedAt = new Date((options.now ?? Date.now)()).toISOString()
  const endpoints = await probeEndpoints(wanted, options)
  return {
    target: formatTarget(wanted),
    startedAt,
    status: worstStatus(endpoints.map((endpoint) => endpoint.status)),
    endpoints,
  }
}

function probeEndpoints(target: Target, options: ProbeOptions): Promise<EndpointReport[]> {
  if (target.kind === 'file') return probeFiles(target.path, options)
  if (target.kind === 'kubernetes') return readKubernetesSecrets(target, options)
  if (target.kind === 'network') return probeNetwork(target, options)
  return probeConnections([{ location: target.path, where: { path: target.path } }], target, options, {})
}

/** Something to connect to. */
interface Endpoint extends Pick<DialOrder, 'location' | 'where'> {
  readonly ip?: string
}

async function probeNetwork(target: NetworkTarget, options: ProbeOptions): Promise<EndpointReport[]> {
  const startedAt = performance.now()
  const deadline = startDeadline(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, options.signal)
  let addresses: readonly ResolvedAddress[]
  try {
    addresses = await resolveHost(
      target.host,
      options.ipPreference ?? 'any',
      options.resolve ?? systemResolve,
      deadline.signal,
    )
  } catch (error) {
    options.signal?.throwIfAborted()
    const { failure } = toFailure(error, 'resolve', deadline)
    return [
      failed(formatAddress(target.host, target.port), failure, { totalMs: millisecondsSince(startedAt) }),
    ]
  } finally {
    deadline.release()
  }
  const endpoints = addresses.map(({ ip }) => ({
    location: formatAddress(ip, target.port),
    ip,
    where: { host: ip, port: target.port },
  }))
  return probeConnections(endpoints, target, options, { resolveMs: millisecondsSince(startedAt) })
}

async function probeConnections(
  endpoints: readonly Endpoint[],
  target: NetworkTarget | UnixTarget,
  options: ProbeOptions,
  timings: Partial<Timings>,
): Promise<EndpointReport[]> {
  const shared = { trust: options.trust ?? createTrustStore(), tls: options.tls ?? createTlsSettings() }
  const one = (endpoint: Endpoint): Promise<EndpointReport> =>
    probeConnection(endpoint, target, { ...options, ...shared }, timings)
  if (options.addresses === 'all') return Promise.all(endpoints.map(one))
  const candidates = options.addresses === 'first' ? endpoints.slice(0, 1) : endpoints
  let report: EndpointReport | undefined
  for (const endpoint of candidates) {
    report = await one(endpoint)
    if (report.failure?.phase !== 'connect') break
  }
  return [report!]
}

const DEFAULT_TIMEOUT_MS = 10_000

type ConnectionOptions = ProbeOptions & { readonly trust: TrustStore; readonly tls: TlsSettings }

/** One address, from connecting to the verdict. */
async function probeConnection(
  { location, ip, where }: Endpoint,
  target: NetworkTarget | UnixTarget,
  options: ConnectionOptions,
  before: Partial<Timings>,
): Promise<EndpointReport> {
  const startedAt = performance.now()
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options
  const serverName = options.serverName ?? (target.kind === 'network' ? target.host : undefined)
  const about = {
    location,
    ...(ip === undefined ? {} : { ip }),
    ...(serverName === undefined ? {} : { serverName }),
  }
  const finish = (during: Partial<Timings>): Timings => ({
    ...before,
    ...during,
    totalMs: millisecondsSince(startedAt) + (before.resolveMs ?? 0),
  })
  const refusal = ip === undefined ? undefined : addressRefusal(ip, options.allowAddress)
  if (refusal !== undefined) return { ...failed(location, refusal, finish({})), ...about }
  const ownTimeMs = timeoutMs - (before.resolveMs ?? 0)
  const order = {
    location,
    where,
    timeoutMs: Math.max(Math.ceil(ownTimeMs), 1),
    ...(target.startTls === undefined ? {} : { startTls: target.startTls }),
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { sni: withoutFinalDot(serverName) }),
  }
  const { handshake, failure, timings } = await options.tls.dial(order, signal)
  if (handshake === undefined) return { ...failed(location, failure!, finish(timings)), ...about }
  const leftMs = ownTimeMs - (performance.now() - startedAt)
  const found = await inspect(handshake, serverName, inspectOptions(options, leftMs))
  signal?.throwIfAborted()
  return { ...about, ...found, timings: finish(timings) }
}

/** A responder is asked within the time that the handshake left. */
function inspectOptions(options: ConnectionOptions, leftMs: number): InspectOptions {
  const nowMs = (options.now ?? Date.now)()
  if (options.ocsp !== 'ask') return { ...options, nowMs }
  return {
    ...options,
    nowMs,
    askOcsp: async (leaf, issuer) => {
      const deadline = startDeadline(Math.max(leftMs, 0), options.signal)
      try {
        return await askOcsp(leaf, issuer, { ...options, nowMs, signal: deadline.signal })
      } finally {
        deadline.release()
      }
    },
  }
}

function failed(location: string, failure: Failure, timings: Timings): EndpointReport {
  return { location, status: 'unknown', chain: [], verifiedChains: [], failure, timings }
}
