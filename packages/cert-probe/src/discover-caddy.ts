import { errorMessage } from '@ops/internal-error'
import { startDeadline } from './deadline.ts'
import { CertProbeError } from './errors.ts'
import { exchange } from './http-exchange.ts'
import { field, listField, type Untrusted } from './kubernetes-manifest.ts'
import { formatAddress } from './target.ts'

/** Options of {@link discoverCaddy}. */
export interface DiscoverCaddyOptions {
  /** Caddy's admin endpoint, `http://…` or `unix:/path`. @default 'http://localhost:2019' */
  readonly adminUrl?: string
  /** @default 10_000 */
  readonly timeoutMs?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** A site that a Caddy serves with TLS. */
export interface CaddySite {
  readonly name: string
  /** `name:port`; for a wildcard, whose names are not known, the name without its star. */
  readonly target: string
  readonly isWildcard: boolean
}

const MAX_CONFIG_BYTES = 64 * 1024 * 1024

/**
 * All sites that a Caddy serves, from its running configuration, so that `www.` and wildcard names
 * are not forgotten.
 *
 * @throws {CertProbeError} `CERT_PROBE_DISCOVERY_FAILED`
 *
 * @example
 * ```ts
 * import { discoverCaddy, probeMany } from '@ops/cert-probe'
 *
 * const sites = await discoverCaddy({ adminUrl: 'http://localhost:2019' })
 * console.log(await probeMany(sites.map(({ target }) => target)))
 * ```
 */
export async function discoverCaddy(options: DiscoverCaddyOptions = {}): Promise<CaddySite[]> {
  const { adminUrl = 'http://localhost:2019' } = options
  const deadline = startDeadline(options.timeoutMs ?? 10_000, options.signal)
  try {
    const socketPath = adminUrl.startsWith('unix:')
      ? adminUrl.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
      : undefined
    const url = new URL('/config/', socketPath === undefined ? adminUrl : 'http://127.0.0.1')
    const answer = await exchange(url, {
      maxBytes: MAX_CONFIG_BYTES,
      signal: deadline.signal,
      ...(socketPath === undefined ? {} : { socketPath }),
    })
    return caddySites(JSON.parse(answer.toString('utf8')))
  } catch (error) {
    options.signal?.throwIfAborted()
    throw new CertProbeError(
      'CERT_PROBE_DISCOVERY_FAILED',
      `Caddy's admin API at ${adminUrl} cannot be asked: ${errorMessage(error)}. Is "admin off" set, or does it listen elsewhere?`,
      { cause: error, details: { url: adminUrl } },
    )
  } finally {
    deadline.release()
  }
}

/** The sites in a configuration of Caddy 2. */
export function caddySites(config: Untrusted): CaddySite[] {
  const apps = field(config, 'apps')
  const http = field(apps, 'http')
  const httpPort = portOr(field(http, 'http_port'), 80)
  const httpsPort = portOr(field(http, 'https_port'), 443)
  const servers = Object.values(field(http, 'servers') ?? {}) as Untrusted[]
  const served = servers.flatMap((server) => {
    const automatic = field(server, 'automatic_https')
    const isTls = listField(server, 'tls_connection_policies').length > 0
    const ports = strings(listField(server, 'listen')).flatMap(listenPort)
    const skipped = new Set(strings(listField(automatic, 'skip')))
    const hosts = hostsOf(listField(server, 'routes')).filter((host) => !skipped.has(host))
    const tlsPorts = isTls
      ? ports
      : field(automatic, 'disable') === true
        ? []
        : ports.filter((port) => port !== httpPort)
    return hosts.flatMap((name) => tlsPorts.map((port) => site(name, port)))
  })
  // Names that are kept certificates for without a route of their own.
  const managed = strings(listField(field(field(apps, 'tls'), 'certificates'), 'automate')).map((name) =>
    site(name, httpsPort),
  )
  const byTarget = new Map([...managed, ...served].map((each) => [`${each.name} ${each.target}`, each]))
  return [...byTarget.values()].toSorted((a, b) => a.name.localeCompare(b.name))
}

function site(name: string, port: number): CaddySite {
  const isWildcard = name.startsWith('*.')
  return { name, isWildcard, target: formatAddress(isWildcard ? name.slice(2) : name, port) }
}

/** The hosts that routes match, also those of routes within routes. */
function hostsOf(routes: readonly Untrusted[], depth = 0): string[] {
  if (depth > 32) return []
  return routes.flatMap((route) => {
    const hosts = listField(route, 'match').flatMap((match) => strings(listField(match, 'host')))
    const inner = listField(route, 'handle').flatMap((handler) =>
      hostsOf(listField(handler, 'routes'), depth + 1),
    )
    // Placeholders are only known to Caddy, at the time of a request.
    return [...hosts, ...inner].filter((host) => !host.includes('{'))
  })
}

/** The port of `:443`, `0.0.0.0:8443` or `tcp/[::1]:443`; of a range all; of a Unix socket none. */
function listenPort(listen: string): number[] {
  const match = /^(?:tcp[46]?\/)?[^/]*:(\d{1,5})(?:-(\d{1,5}))?$/.exec(listen)
  if (match === null) return []
  const first = Number(match[1])
  const last = Math.min(Number(match[2] ?? first), first + 100, 65_535)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}

function portOr(value: Untrusted, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

function strings(values: readonly Untrusted[]): string[] {
  return values.filter((value) => typeof value === 'string')
}
