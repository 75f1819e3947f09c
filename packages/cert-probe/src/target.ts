import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { CertProbeError } from './errors.ts'
import { STARTTLS_PROTOCOLS, type StartTlsProtocol } from './starttls.ts'

/** Where a certificate is presented, or kept. */
export type Target = NetworkTarget | UnixTarget | FileTarget | KubernetesTarget

/** A port of a host, with TLS at once or after a request for it. */
export interface NetworkTarget {
  readonly kind: 'network'
  readonly host: string
  readonly port: number
  /** What to say before the handshake. */
  readonly startTls?: StartTlsProtocol
}

/** A Unix socket, with TLS at once or after a request for it. */
export interface UnixTarget {
  readonly kind: 'unix'
  readonly path: string
  readonly startTls?: StartTlsProtocol
}

/** A file or a folder: PEM, DER, PKCS#12, kubeconfig, or Kubernetes Secret manifests. */
export interface FileTarget {
  readonly kind: 'file'
  readonly path: string
}

/** TLS Secrets of a cluster, by its API. Both parts may have `*` in them. */
export interface KubernetesTarget {
  readonly kind: 'kubernetes'
  readonly namespace: string
  readonly secret: string
}

interface Scheme {
  readonly port?: number
  readonly startTls?: StartTlsProtocol
}

/** Schemes, their ports as registered with IANA, and what they say before TLS. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  tls: {},
  tcp: {},
  https: { port: 443 },
  smtps: { port: 465 },
  imaps: { port: 993 },
  pop3s: { port: 995 },
  ftps: { port: 990 },
  ldaps: { port: 636 },
  postgres: { port: 5432, startTls: 'postgres' },
  postgresql: { port: 5432, startTls: 'postgres' },
  smtp: { port: 25, startTls: 'smtp' },
  submission: { port: 587, startTls: 'smtp' },
  imap: { port: 143, startTls: 'imap' },
  pop3: { port: 110, startTls: 'pop3' },
  ftp: { port: 21, startTls: 'ftp' },
  ldap: { port: 389, startTls: 'ldap' },
  mysql: { port: 3306, startTls: 'mysql' },
}

/**
 * Reads a target: `example.com`, `example.com:8443`, `[::1]:443`, `https://…`, `postgres://host:5432`,
 * `smtp://…`, `unix:/run/x.sock`, `postgres+unix:/run/postgresql/.s.PGSQL.5432`, `/etc/ssl/site.pem`,
 * `file:///etc/ssl`, `kubernetes://namespace/secret`.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_TARGET`
 *
 * @example
 * ```ts
 * import { parseTarget } from '@ops/cert-probe'
 *
 * const target = parseTarget('postgres://db.example.com')
 * if (target.kind === 'network') console.log(target.port, target.startTls) // 5432 postgres
 * ```
 */
export function parseTarget(text: string): Target {
  const trimmed = text.trim()
  if (/^\.{0,2}\//.test(trimmed)) return { kind: 'file', path: trimmed }
  const scheme = /^([a-z][a-z0-9+.-]*):(?=\/|[^0-9])/i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme === undefined) return parseHost(trimmed, text, { port: 443 })
  const rest = trimmed.slice(scheme.length + 1)
  if (scheme === 'file') return { kind: 'file', path: decodePath(rest, text) }
  if (scheme === 'kubernetes') return parseKubernetes(rest, text)
  if (scheme === 'unix') return { kind: 'unix', path: decodePath(rest, text) }
  const [base, transport] = scheme.split('+') as [string, string?]
  const known = Object.hasOwn(SCHEMES, base) ? SCHEMES[base]! : undefined
  if (known === undefined || (transport !== undefined && transport !== 'unix')) {
    return fail(text, `the scheme must be one of ${Object.keys(SCHEMES).join(', ')}, unix, file, kubernetes`)
  }
  if (transport === 'unix') return { kind: 'unix', path: decodePath(rest, text), ...startTlsOf(known) }
  // Credentials and what follows the host are of no use here, and must not show up in a report.
  const authority = rest.replace(/^\/\//, '').split(/[/?#]/)[0]!
  return parseHost(authority.slice(authority.lastIndexOf('@') + 1), text, known)
}

/**
 * The target as text, without credentials; `parseTarget` reads it back.
 *
 * @example
 * ```ts
 * import { formatTarget, parseTarget } from '@ops/cert-probe'
 *
 * console.log(formatTarget(parseTarget('https://user:secret@example.com/path'))) // example.com:443
 * ```
 */
export function formatTarget(target: Target): string {
  if (target.kind === 'file') return target.path
  if (target.kind === 'kubernetes') return `kubernetes://${target.namespace}/${target.secret}`
  if (target.kind === 'unix')
    return `${target.startTls === undefined ? '' : `${target.startTls}+`}unix:${target.path}`
  const address = formatAddress(target.host, target.port)
  return target.startTls === undefined ? address : `${target.startTls}://${address}`
}

/** `192.0.2.1:443`, `[2001:db8::1]:443` */
export function formatAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

function parseHost(authority: string, text: string, scheme: Scheme): NetworkTarget {
  const match = /^(?:\[([0-9a-f:.]+(?:%[a-z0-9_.-]+)?)\]|([^\s:[\]/@?#]+))(?::(\d{1,5}))?$/i.exec(authority)
  const bare = match === null && isIP(authority) === 6 ? authority : undefined
  const host = bare ?? match?.[1] ?? match?.[2]
  if (host === undefined || host.length > 253 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    return fail(text, 'it must be host, host:port, [IPv6]:port, or a URL of them')
  }
  const port = match?.[3] === undefined ? scheme.port : Number(match[3])
  if (port === undefined) return fail(text, 'it needs a port, as in host:port')
  if (port < 1 || port > 65_535) return fail(text, 'the port must be from 1 to 65535')
  return { kind: 'network', host: asciiName(host), port, ...startTlsOf(scheme) }
}

/** `bücher.example` stands in DNS, SNI and certificates as `xn--bcher-kva.example`. */
export function asciiName(host: string): string {
  return /[^\u0020-\u007e]/.test(host) ? domainToASCII(host) || host : host
}

function parseKubernetes(rest: string, text: string): KubernetesTarget {
  const match = /^\/\/([a-z0-9.*-]+)\/([a-z0-9.*-]+)$/.exec(rest)
  if (match === null)
    return fail(text, 'it must be kubernetes://NAMESPACE/SECRET, where * stands for anything')
  return { kind: 'kubernetes', namespace: match[1]!, secret: match[2]! }
}

function startTlsOf(scheme: Scheme): { startTls?: StartTlsProtocol } {
  return scheme.startTls === undefined ? {} : { startTls: scheme.startTls }
}

function decodePath(rest: string, text: string): string {
  const path = rest.replace(/^\/\/(?=\/)/, '')
  if (path === '' || path.includes('\0')) return fail(text, 'it needs a path')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function fail(text: string, why: string): never {
  const shown = text.replace(/\/\/[^/@]*@/, '//…@').slice(0, 200)
  throw new CertProbeError('CERT_PROBE_BAD_TARGET', `the target "${shown}" makes no sense: ${why}`, {
    details: { target: shown },
  })
}

/** Whether `text` names a protocol of {@link STARTTLS_PROTOCOLS}. */
export function isStartTlsProtocol(text: string): text is StartTlsProtocol {
  return (STARTTLS_PROTOCOLS as readonly string[]).includes(text)
}
