import { isIP } from 'node:net'
import { connect } from './connect.ts'
import { startDeadline, type Deadline } from './deadline.ts'
import { ProbeFailure, type Phase } from './failure.ts'
import { createTlsSettings, shakeHands, type Handshake, type TlsSettings } from './handshake.ts'
import { createTrustStore, type TrustStore } from './trust.ts'
import { inspect, type InspectOptions } from './inspect.ts'
import { readKubernetesSecrets, type KubernetesOptions } from './kubernetes.ts'
import { assertAddressAllowed } from './network-policy.ts'
import { probeFiles } from './probe-files.ts'
import { worstStatus, type EndpointReport, type ProbeReport, type Timings } from './report.ts'
import {
  resolveHost,
  systemResolve,
  type IpPreference,
  type Resolve,
  type ResolvedAddress,
} from './resolve.ts'
import { startTls } from './starttls.ts'
import {
  formatAddress,
  formatTarget,
  parseTarget,
  type NetworkTarget,
  type Target,
  type UnixTarget,
} from './target.ts'
import type { VerdictOptions } from './verdict.ts'

/** Options of {@link probe}. */
export interface ProbeOptions extends VerdictOptions {
  /** For each address separately, from connecting to the end of the handshake. @default 10_000 */
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
  return probeConnections([{ location: target.path, dial: { path: target.path } }], target, options, {})
}

/** Something to connect to. */
interface Endpoint {
  readonly location: string
  readonly ip?: string
  readonly dial: { readonly host: string; readonly port: number } | { readonly path: string }
}

async function probeNetwork(target: NetworkTarget, options: ProbeOptions): Promise<EndpointReport[]> {
  const startedAt = performance.now()
  const deadline = startDeadline(options.timeoutMs ?? 10_000, options.signal)
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
    const failure = toFailure(error, 'resolve', deadline)
    return [failed(formatAddress(target.host, target.port), failure, { totalMs: since(startedAt) })]
  } finally {
    deadline.release()
  }
  const endpoints = addresses.map(({ ip }) => ({
    location: formatAddress(ip, target.port),
    ip,
    dial: { host: ip, port: target.port },
  }))
  return probeConnections(endpoints, target, options, { resolveMs: since(startedAt) })
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

type ConnectionOptions = ProbeOptions & { readonly trust: TrustStore; readonly tls: TlsSettings }

/** One address, from connecting to the verdict. */
async function probeConnection(
  endpoint: Endpoint,
  target: NetworkTarget | UnixTarget,
  options: ConnectionOptions,
  before: Partial<Timings>,
): Promise<EndpointReport> {
  const serverName = options.serverName ?? (target.kind === 'network' ? target.host : undefined)
  const timings: { -readonly [Key in keyof Timings]: Timings[Key] } = { ...before, totalMs: 0 }
  const startedAt = performance.now()
  const deadline = startDeadline(options.timeoutMs ?? 10_000, options.signal)
  let phase: Phase = 'connect'
  const timed = async <Value>(
    name: 'connectMs' | 'startTlsMs' | 'tlsMs',
    work: () => Promise<Value>,
  ): Promise<Value> => {
    const phaseStartedAt = performance.now()
    try {
      return await work()
    } finally {
      timings[name] = since(phaseStartedAt)
    }
  }
  const finish = (): Timings => ({ ...timings, totalMs: since(startedAt) + (before.resolveMs ?? 0) })
  const about = {
    location: endpoint.location,
    ...(endpoint.ip === undefined ? {} : { ip: endpoint.ip }),
    ...(serverName === undefined ? {} : { serverName }),
  }
  try {
    if (endpoint.ip !== undefined) assertAddressAllowed(endpoint.ip, options.allowAddress)
    const socket = await timed('connectMs', () => connect(endpoint.dial, endpoint.location, deadline.signal))
    let handshake: Handshake
    try {
      if (target.startTls !== undefined) {
        phase = 'starttls'
        await timed('startTlsMs', () => startTls(socket, target.startTls!, deadline.signal))
      }
      phase = 'tls'
      const sni = serverName === undefined || isIP(serverName) !== 0 ? undefined : serverName
      handshake = await timed('tlsMs', () => shakeHands(socket, sni, options.tls, deadline.signal))
    } catch (error) {
      socket.destroy()
      throw error
    }
    options.signal?.throwIfAborted()
    const found = await inspect(handshake, serverName, inspectOptions(options, deadline.signal))
    return { ...about, ...found, timings: finish() }
  } catch (error) {
    options.signal?.throwIfAborted()
    return { ...failed(endpoint.location, toFailure(error, phase, deadline), finish()), ...about }
  } finally {
    deadline.release()
  }
}

function inspectOptions(options: ConnectionOptions, signal: AbortSignal): InspectOptions {
  return { ...options, signal, nowMs: (options.now ?? Date.now)(), askOcsp: options.ocsp === 'ask' }
}

function toFailure(error: unknown, phase: Phase, deadline: Deadline): ProbeFailure {
  if (error instanceof ProbeFailure) return error
  if (deadline.isExpired()) {
    const doing = {
      resolve: 'resolving the name',
      connect: 'connecting',
      starttls: 'asking for TLS',
      tls: 'the TLS handshake',
      read: 'reading',
    }
    return new ProbeFailure(phase, 'timeout', `${doing[phase]} was ${(error as Error).message}`, error)
  }
  throw error
}

function failed(location: string, { failure }: ProbeFailure, timings: Timings): EndpointReport {
  return { location, status: 'unknown', chain: [], verifiedChains: [], failure, timings }
}

function since(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 1000) / 1000
}
