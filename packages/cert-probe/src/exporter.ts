import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { blackboxMetrics } from './blackbox-metrics.ts'
import { CertProbeError } from './errors.ts'
import type { Discovery } from './discovery.ts'
import { EXPOSITION_CONTENT_TYPE, renderMetrics, type Metric } from './exposition.ts'
import { defaultModules, type Modules } from './modules.ts'
import type { Monitor } from './monitor.ts'
import { discoveryMetrics, monitorMetrics } from './monitor-metrics.ts'
import { createNetworkPolicy } from './network-policy.ts'
import { probe } from './probe.ts'
import { readProbeRequest, type ProbeRequest } from './probe-request.ts'
import type { EndpointReport } from './report.ts'
import { worstStatus } from './report.ts'
import { sslExporterMetrics } from './ssl-exporter-metrics.ts'
import { formatTarget } from './target.ts'

/** Takes what there is to say, as `pino` and others do; a level that is not there is silent. */
export interface Logger {
  /** What helps to find a fault. */
  debug?(fields: object, message: string): void
  /** What happened as it should. */
  info?(fields: object, message: string): void
  /** What somebody should look at. */
  warn?(fields: object, message: string): void
  /** What failed. */
  error?(fields: object, message: string): void
}

/** Options of {@link createExporter}. */
export interface ExporterOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** blackbox_exporter's port. 0: any free one. @default 9115 */
  readonly port?: number
  /** @default the usual names of blackbox_exporter and ssl_exporter, and one for each protocol */
  readonly modules?: Modules
  /** What `/probe` may be asked for beside `targets`, see {@link NetworkPolicyOptions}. @default nothing */
  readonly allow?: readonly string[]
  /** Let `allow` lead to private addresses. @default false */
  readonly allowPrivate?: boolean
  /** What `/probe` may be asked for, wherever it is. @default none */
  readonly targets?: readonly string[]
  /** Its reports are on `/metrics`. It is not started or stopped here. */
  readonly monitor?: Pick<Monitor, 'reports'>
  /** Whether its sources can be read is on `/metrics`. It is not started or stopped here. */
  readonly discovery?: Pick<Discovery, 'sources'>
  /** Kept back of Prometheus' deadline for the way back. @default 0.5 */
  readonly timeoutOffsetSeconds?: number
  /** Probes on request at one time; more are answered with 503. @default 200 */
  readonly maxConcurrent?: number
  /** Told of requests that fail and of lists that cannot be read; silent by default. */
  readonly logger?: Logger
}

/** A server for Prometheus. */
export interface Exporter {
  /** Rejects with `CERT_PROBE_LISTEN_FAILED` when the port cannot be had. */
  start(): Promise<{ host: string; port: number }>
  /** What `/metrics` shows from now on. */
  setTargets(targets: readonly string[]): void
  /** Ends listening, and the probes under way. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly contentType?: string
}

/**
 * An exporter that takes the place of blackbox_exporter (for TLS) and of ssl_exporter.
 *
 * @example
 * ```ts
 * import { createExporter } from '@ops/cert-probe'
 *
 * const exporter = createExporter({ port: 9115, targets: ['example.com'], allow: ['*.example.com:443'] })
 * const { host, port } = await exporter.start()
 * console.log(`http://${host}:${port}/probe?module=https&target=example.com`)
 * process.once('SIGTERM', () => void exporter.stop())
 * ```
 */
export function createExporter(options: ExporterOptions = {}): Exporter {
  const {
    host = '127.0.0.1',
    port = 9115,
    allow = [],
    allowPrivate = false,
    timeoutOffsetSeconds = 0.5,
    maxConcurrent = 200,
    logger,
  } = options
  const policyFor = (targets: readonly string[]): ReturnType<typeof createNetworkPolicy> =>
    createNetworkPolicy({ targets, patterns: allow, allowPrivate })
  let policy = policyFor(options.targets ?? [])
  let modules: Modules | undefined = options.modules
  const running = new Set<AbortController>()
  const server: Server = createServer(
    { requestTimeout: 10_000 },
    (request, response) => void handle(request, response),
  )

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      send(response, await answer(request, response))
    } catch (error) {
      if (response.destroyed) return
      logger?.error?.({ err: error }, 'a request failed')
      send(response, { status: 500, body: 'internal error\n' })
    }
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<Answer> => {
    const url = URL.parse(request.url!, 'http://exporter')
    if (url === null) return { status: 400, body: 'the request asks for no path\n' }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return { status: 405, body: 'only GET and HEAD\n' }
    }
    if (url.pathname === '/metrics') {
      return metricsAnswer([
        ...monitorMetrics(options.monitor?.reports() ?? []),
        ...discoveryMetrics(options.discovery?.sources() ?? []),
      ])
    }
    if (url.pathname === '/-/healthy') return { status: 200, body: 'Healthy\n' }
    if (url.pathname === '/probe') return answerProbe(url.searchParams, request, response)
    return {
      status: url.pathname === '/' ? 200 : 404,
      body: 'cert-probe: /probe?target=…&module=…, /metrics, /-/healthy\n',
    }
  }
  const answerProbe = async (
    parameters: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer> => {
    const wanted = readProbeRequest(parameters, header(request), modules!, timeoutOffsetSeconds)
    if ('status' in wanted) return { status: wanted.status, body: `${wanted.message}\n` }
    const shown = formatTarget(wanted.target)
    // What the configuration itself names needs no leave.
    if (wanted.module.target === undefined && !policy.allowsTarget(wanted.target)) {
      logger?.warn?.({ target: shown }, 'refused to probe a target that is neither listed nor allowed')
      return { status: 403, body: `${shown} is neither a listed target nor allowed by a pattern\n` }
    }
    if (running.size >= maxConcurrent) return { status: 503, body: 'too many probes at once\n' }
    const controller = new AbortController()
    running.add(controller)
    // Only for a client that went away: an abort with nobody to hear it is work too.
    response.once('close', () => {
      if (running.has(controller)) controller.abort()
    })
    try {
      return metricsAnswer(await probeForMetrics(wanted, controller.signal))
    } finally {
      running.delete(controller)
    }
  }
  const probeForMetrics = async (wanted: ProbeRequest, signal: AbortSignal): Promise<Metric[]> => {
    const { module, target, serverName, timeoutMs } = wanted
    const startedAt = performance.now()
    const report = await probe(target, {
      ...module.probe,
      ...(serverName === undefined ? {} : { serverName }),
      timeoutMs,
      signal,
      allowAddress: (ip) => module.target !== undefined || policy.allowsAddress(target, ip),
    })
    const { endpoints } = report
    logger?.debug?.(
      { target: report.target, status: worstStatus([report.status]), failure: endpoints[0]?.failure },
      'probed',
    )
    const [first] = endpoints as [EndpointReport]
    const totalMs = performance.now() - startedAt
    return [
      ...(first.origin === undefined
        ? blackboxMetrics({ ...first, timings: { ...first.timings, totalMs } }, module.policy)
        : []),
      ...sslExporterMetrics(endpoints, module.prober, module.policy),
    ]
  }
  const stop = async (): Promise<void> => {
    for (const controller of running) controller.abort()
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return {
    start: async () => {
      modules ??= await defaultModules()
      await listen(server, host, port)
      const address = server.address() as AddressInfo
      return { host, port: address.port }
    },
    setTargets: (targets) => {
      policy = policyFor(targets)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function header(request: IncomingMessage): string | undefined {
  const value = request.headers['x-prometheus-scrape-timeout-seconds']
  return Array.isArray(value) ? value[0] : value
}

function metricsAnswer(metrics: readonly Metric[]): Answer {
  return { status: 200, body: renderMetrics(metrics), contentType: EXPOSITION_CONTENT_TYPE }
}

function send(response: ServerResponse, { status, body, contentType }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error: NodeJS.ErrnoException) => {
    const hint =
      error.code === 'EADDRINUSE'
        ? ': something else listens there, choose another port'
        : ` (${error.message})`
    reject(
      new CertProbeError('CERT_PROBE_LISTEN_FAILED', `cannot listen on ${host}:${port}${hint}`, {
        cause: error,
      }),
    )
  })
  server.listen(port, host, resolve)
  return promise
}
