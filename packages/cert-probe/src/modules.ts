import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { SecureVersion } from 'node:tls'
import { parseDocument } from 'yaml'
import { errorMessage } from '@ops/internal-error'
import type { SuccessPolicy } from './blackbox-metrics.ts'
import { CertProbeError } from './errors.ts'
import { field, listField, textField, type Untrusted } from './kubernetes-manifest.ts'
import type { ProbeOptions } from './probe.ts'
import type { IpPreference } from './resolve.ts'
import type { SslProber } from './ssl-exporter-metrics.ts'
import type { StartTlsProtocol } from './starttls.ts'
import { isStartTlsProtocol } from './target.ts'
import type { TlsSettingsOptions } from './tls-context.ts'
import { createTlsSettings, type TlsSettings } from './tls-settings.ts'
import { createTrustStore, type TrustStore } from './trust.ts'

/** One way of probing, as blackbox_exporter and ssl_exporter call it. */
export interface Module {
  readonly prober: SslProber
  /** What to say before the handshake. */
  readonly startTls?: StartTlsProtocol
  /** Probed instead of what the request names (ssl_exporter). */
  readonly target?: string
  /** @default the deadline of the scrape */
  readonly timeoutMs?: number
  readonly policy: SuccessPolicy
  /** `serverName` set by the module goes before the request's `hostname`. */
  readonly probe: Pick<
    ProbeOptions,
    'serverName' | 'ipPreference' | 'addresses' | 'trust' | 'tls' | 'kubernetes'
  >
}

/** Modules by name; a reason in place of one that has nothing to do with certificates. */
export type Modules = ReadonlyMap<string, Module | string>

/**
 * The modules that there are without a configuration file: the usual names of both exporters, and one for each protocol.
 *
 * @example
 * ```ts
 * import { createExporter, defaultModules } from '@ops/cert-probe'
 *
 * const modules = await defaultModules()
 * console.log([...modules.keys()].join(', '))
 * await using exporter = createExporter({ modules, targets: ['example.com'] })
 * await exporter.start()
 * ```
 */
export async function defaultModules(trust: TrustStore = createTrustStore()): Promise<Modules> {
  const plain = (prober: SslProber): Untrusted => ({ prober })
  const startTls = (starttls: StartTlsProtocol): Untrusted => ({ prober: 'tcp', tcp: { starttls } })
  const modules = {
    http_2xx: plain('https'),
    http: plain('https'),
    https: plain('https'),
    tcp: plain('tcp'),
    tcp_connect_tls: plain('tcp'),
    file: plain('file'),
    kubernetes: plain('kubernetes'),
    kubeconfig: plain('kubeconfig'),
    postgres: startTls('postgres'),
    smtp: startTls('smtp'),
    imap: startTls('imap'),
    pop3: startTls('pop3'),
    ftp: startTls('ftp'),
    ldap: startTls('ldap'),
    mysql: startTls('mysql'),
  }
  return buildModules({ modules }, '.', trust)
}

/**
 * Reads the `modules` of a configuration file of blackbox_exporter or of ssl_exporter.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_MODULES`
 *
 * @example
 * ```ts
 * import { createExporter, loadModules } from '@ops/cert-probe'
 *
 * const modules = await loadModules('/etc/prometheus/blackbox.yml')
 * await using exporter = createExporter({ modules, allow: ['*.example.com:443'] })
 * await exporter.start()
 * ```
 */
export async function loadModules(path: string, trust: TrustStore = createTrustStore()): Promise<Modules> {
  try {
    const document = parseDocument(await readFile(path, 'utf8'))
    if (document.errors.length > 0) throw new Error(document.errors[0]!.message)
    const config: Untrusted = document.toJS({ maxAliasCount: 100 })
    if (Object.keys(field(config, 'modules') ?? {}).length === 0) throw new Error('it has no modules')
    return await buildModules(config, dirname(path), trust)
  } catch (error) {
    throw new CertProbeError(
      'CERT_PROBE_BAD_MODULES',
      `the modules in ${path} cannot be used: ${errorMessage(error)}`,
      {
        cause: error,
        details: { path },
      },
    )
  }
}

async function buildModules(config: Untrusted, folder: string, trust: TrustStore): Promise<Modules> {
  const modules = new Map<string, Module | string>()
  const tlsFor = createTlsSettingsOnce()
  for (const [name, value] of Object.entries(field(config, 'modules') ?? {})) {
    try {
      modules.set(name, await buildModule(value, folder, trust, tlsFor))
    } catch (error) {
      throw new Error(`module ${name}: ${errorMessage(error)}`, { cause: error })
    }
  }
  return modules
}

type CreateTlsSettings = (options: TlsSettingsOptions) => TlsSettings

/** Modules that shake hands alike share the settings, and so the threads. */
function createTlsSettingsOnce(): CreateTlsSettings {
  const made = new Map<string, TlsSettings>()
  return (options) => {
    const key = JSON.stringify(options)
    const settings = made.get(key) ?? createTlsSettings(options)
    made.set(key, settings)
    return settings
  }
}

/** ssl_exporter's `https` is blackbox_exporter's `http`; each keeps its settings under that name. */
async function buildModule(
  value: Untrusted,
  folder: string,
  trust: TrustStore,
  tlsFor: CreateTlsSettings,
): Promise<Module | string> {
  const name = textField(value, 'prober')
  const prober = name === 'http' ? 'https' : name
  if (!isSslProber(prober))
    return `Unknown prober "${name}": only http, https, tcp, file, kubernetes and kubeconfig have certificates`
  const settings = field(value, name)
  const startTls = startTlsOf(settings)
  const isBlackboxTcp = prober === 'tcp' && field(settings, 'tls') === false && startTls === undefined
  if (isBlackboxTcp) return 'The module does not use TLS, so there is no certificate to look at'
  const tlsConfig = field(settings, 'tls_config') ?? field(value, 'tls_config')
  const file = async (key: string): Promise<string | undefined> => {
    const path = textField(tlsConfig, key)
    return path === '' ? undefined : readFile(resolve(folder, path), 'utf8')
  }
  const [caPem, clientCertificatePem, clientKeyPem] = await Promise.all([
    file('ca_file'),
    file('cert_file'),
    file('key_file'),
  ])
  const serverName = textField(tlsConfig, 'server_name')
  const maxVersion = tlsVersion(textField(tlsConfig, 'max_version'))
  const kubeconfigPath = textField(settings, 'kubeconfig')
  const target = textField(value, 'target')
  const timeoutMs = goDurationMs(textField(value, 'timeout'))
  return {
    prober,
    ...(startTls === undefined ? {} : { startTls }),
    ...(target === '' ? {} : { target }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    policy: {
      insecure: field(tlsConfig, 'insecure_skip_verify') === true,
      minVersion: (tlsVersion(textField(tlsConfig, 'min_version')) ?? 'TLSv1.2')
        .replace(/^TLSv1$/, 'TLSv1.0')
        .replace('TLSv', 'TLS '),
    },
    probe: {
      addresses: 'first',
      ipPreference: ipPreference(settings),
      trust: caPem === undefined ? trust : createTrustStore({ caPem }),
      tls: tlsFor({
        ...(clientCertificatePem === undefined ? {} : { clientCertificatePem, clientKeyPem }),
        ...(maxVersion === undefined ? {} : { maxVersion }),
      }),
      ...(serverName === '' ? {} : { serverName }),
      ...(kubeconfigPath === '' ? {} : { kubernetes: { kubeconfigPath: resolve(folder, kubeconfigPath) } }),
    },
  }
}

function isSslProber(name: string): name is SslProber {
  return ['tcp', 'https', 'file', 'kubernetes', 'kubeconfig'].includes(name)
}

/** ssl_exporter names the protocol; in blackbox_exporter it shows in what is sent before `starttls: true`. */
function startTlsOf(settings: Untrusted): StartTlsProtocol | undefined {
  const named = textField(settings, 'starttls')
  if (named !== '') {
    if (isStartTlsProtocol(named)) return named
    throw new Error(`starttls: ${named} is not a protocol that is known here`)
  }
  const steps = listField(settings, 'query_response')
  if (!steps.some((step) => field(step, 'starttls') === true)) return undefined
  const sent = steps.map((step) => textField(step, 'send')).join('\n')
  const known = SENT.find(([, pattern]) => pattern.test(sent))
  if (known !== undefined) return known[0]
  throw new Error(
    'its query_response speaks a protocol that is not known here: say which with "starttls: NAME" under tcp',
  )
}

const SENT: readonly (readonly [StartTlsProtocol, RegExp])[] = [
  ['smtp', /^(EHLO|HELO)\b/im],
  ['pop3', /^STLS\b/im],
  ['ftp', /^AUTH (TLS|SSL)\b/im],
  ['imap', /^\S+ STARTTLS\b/im],
]

/** blackbox_exporter prefers IPv6 unless told otherwise, and falls back to the other. */
function ipPreference(settings: Untrusted): IpPreference {
  const family = textField(settings, 'preferred_ip_protocol') === 'ip4' ? 'ip4' : 'ip6'
  return field(settings, 'ip_protocol_fallback') === false ? `${family}-only` : family
}

const TLS_VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}

function tlsVersion(name: string): SecureVersion | undefined {
  if (name === '') return undefined
  if (Object.hasOwn(TLS_VERSIONS, name)) return TLS_VERSIONS[name]
  throw new Error(`${name} is not a TLS version: it must be one of ${Object.keys(TLS_VERSIONS).join(', ')}`)
}

/** Go's durations: `5s`, `1m30s`, `500ms`. */
function goDurationMs(text: string): number | undefined {
  if (text === '' || text === '0') return undefined
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new Error(`timeout: ${text} is not a duration such as 5s`)
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * factors[unit!]!, 0)
}
