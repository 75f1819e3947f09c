import type { Module, Modules } from './modules.ts'
import type { SslProber } from './ssl-exporter-metrics.ts'
import { parseTarget, type Target } from './target.ts'

/** What a request to `/probe` asks for. */
export interface ProbeRequest {
  readonly module: Module
  readonly target: Target
  readonly serverName?: string
  readonly timeoutMs: number
}

/** A request that cannot be answered with metrics, and the status that says so. */
export interface BadRequest {
  readonly status: 400 | 403 | 500
  readonly message: string
}

/** Without a deadline of Prometheus, as in blackbox_exporter. */
const DEFAULT_TIMEOUT_SECONDS = 120
const DEFAULT_MODULE = 'http_2xx'
const SCHEME_OF_PROBER: Readonly<Partial<Record<SslProber, RegExp>>> = {
  https: /^https?:\/\//i,
  tcp: /^(tcp|tls):\/\//i,
}

/** Reads the parameters as blackbox_exporter does, with the same answers to mistakes. */
export function readProbeRequest(
  parameters: URLSearchParams,
  scrapeTimeout: string | undefined,
  modules: Modules,
  timeoutOffsetSeconds: number,
): ProbeRequest | BadRequest {
  const name = parameters.get('module') || DEFAULT_MODULE
  const module = modules.get(name)
  if (module === undefined) return { status: 400, message: `Unknown module ${JSON.stringify(name)}` }
  if (typeof module === 'string') return { status: 400, message: module }
  const timeoutMs = effectiveTimeoutMs(scrapeTimeout, module.timeoutMs, timeoutOffsetSeconds)
  if (timeoutMs === undefined) {
    return {
      status: 500,
      message: `Failed to parse timeout from Prometheus header: ${JSON.stringify(scrapeTimeout)} is not a number of seconds`,
    }
  }
  const text = module.target ?? parameters.get('target') ?? ''
  if (text === '') return { status: 400, message: 'Target parameter is missing' }
  try {
    const serverName = module.probe.serverName ?? (parameters.get('hostname') || undefined)
    return {
      module,
      target: targetOf(text, module),
      timeoutMs,
      ...(serverName === undefined ? {} : { serverName }),
    }
  } catch (error) {
    return { status: 400, message: (error as Error).message }
  }
}

/** min(module's timeout, Prometheus' deadline less an offset for the way back). */
function effectiveTimeoutMs(
  header: string | undefined,
  moduleTimeoutMs: number | undefined,
  offsetSeconds: number,
): number | undefined {
  const parsed = header === undefined || header === '' ? 0 : Number(header)
  if (!Number.isFinite(parsed) || parsed < 0) return undefined
  const scrapeMs = ((parsed === 0 ? DEFAULT_TIMEOUT_SECONDS : parsed) - offsetSeconds) * 1000
  if (moduleTimeoutMs !== undefined && (moduleTimeoutMs < scrapeMs || scrapeMs <= 0)) return moduleTimeoutMs
  return scrapeMs > 0 ? scrapeMs : scrapeMs + offsetSeconds * 1000
}

/** The module says what the target is; a scheme that agrees may stand there, as in a URL. */
function targetOf(text: string, { prober, startTls }: Module): Target {
  if (prober === 'file' || prober === 'kubeconfig') return { kind: 'file', path: text }
  if (prober === 'kubernetes')
    return parseTarget(text.startsWith('kubernetes:') ? text : `kubernetes://${text}`)
  const bare = text.replace(SCHEME_OF_PROBER[prober]!, '')
  const parsed = parseTarget(
    text.toLowerCase().startsWith('http:') ? `https://${bare}` : text === bare ? text : `https://${bare}`,
  )
  if (parsed.kind !== 'network' && parsed.kind !== 'unix')
    throw new Error(`the module is for servers, and ${text} is none`)
  return startTls === undefined ? parsed : { ...parsed, startTls }
}
