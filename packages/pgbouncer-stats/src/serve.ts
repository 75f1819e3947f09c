import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collectMetrics, type CollectOptions } from './collect-metrics.ts'
import { targetName, type ConnectionOptions } from './connection-options.ts'
import { openConsole, type PgBouncerConsole } from './console.ts'
import { PgBouncerStatsError } from './error.ts'
import { renderChunks, TEXT_CONTENT_TYPE } from './metric-family.ts'
import { collectTargets, openTargets } from './collect-targets.ts'
import { errorMessage } from '@ops/internal-error'

/** Options of {@link createExporter}. */
export interface ExporterOptions extends CollectOptions {
  /** One PgBouncer for `/metrics`, or several by name (the label `pgbouncer`). None: `/probe` only. */
  readonly targets?: ConnectionOptions | Readonly<Record<string, ConnectionOptions>>
  /** What `/probe?target=` may ask for, by the name it asks with. Nothing else is ever connected to. */
  readonly probeTargets?: Readonly<Record<string, ConnectionOptions>>
  /** Where other machines shall scrape it, `0.0.0.0` or an address of this one. @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free one. @default 9127 */
  readonly port?: number
  /** Told of scrapes that fail; silent by default. */
  readonly logger?: {
    /** What somebody should look at. */
    warn(fields: object, message: string): void
  }
}

/** A server for Prometheus. */
export interface Exporter {
  /** Resolves when it listens. */
  start(): Promise<{ port: number }>
  /** Ends listening, and closes its connections. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Prometheus says how long it will wait; a part of that is left for the way back. */
const SCRAPE_MARGIN_MS = 500
const DEFAULT_TIMEOUT_MS = 5000

/**
 * An HTTP server with `/metrics`, `/probe?target=` and `/healthz`; connections to PgBouncer are kept.
 *
 * @example
 * ```ts
 * import { createExporter } from '@ops/pgbouncer-stats'
 *
 * await using exporter = createExporter({ targets: { main: { host: 'localhost', user: 'stats' } }, port: 9127 })
 * const { port } = await exporter.start()
 * console.log(`http://127.0.0.1:${port}/metrics`)
 * ```
 */
export function createExporter(options: ExporterOptions): Exporter {
  const { targets, probeTargets = {}, host = '127.0.0.1', port = 9127, logger, ...collect } = options
  const consoles = targets === undefined ? [] : openTargets(targets)
  const probes = new Map<string, PgBouncerConsole>()
  const closing = new AbortController()

  const probe = async (target: string, timeoutMs: number): Promise<Buffer[]> => {
    const connection = probeTargets[target]!
    const console_ = probes.get(target) ?? openConsole(connection)
    probes.set(target, console_)
    const { families, reason } = await collectMetrics(console_, {
      ...collect,
      timeoutMs,
      signal: closing.signal,
    })
    if (reason !== undefined)
      logger?.warn({ target: targetName(connection), reason }, 'the probe is incomplete')
    return renderChunks(families)
  }

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const url = new URL(request.url ?? '/', 'http://exporter')
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD\n')
    const timeoutMs = scrapeTimeoutMs(
      request.headers['x-prometheus-scrape-timeout-seconds'],
      collect.timeoutMs,
    )
    switch (url.pathname) {
      case '/metrics':
        return metrics(
          renderChunks(await collectTargets(consoles, { ...collect, timeoutMs, signal: closing.signal })),
        )
      case '/probe': {
        const target = url.searchParams.get('target') ?? ''
        if (!Object.hasOwn(probeTargets, target))
          return text(400, 'the target is missing, or not one of those that are configured\n')
        return metrics(await probe(target, timeoutMs))
      }
      case '/healthz':
        return text(200, 'ok\n')
      case '/':
        return text(200, '/metrics\n/probe?target=\n/healthz\n')
      default:
        return text(404, 'not found; try /metrics\n')
    }
  }

  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown) => {
        logger?.warn({ reason: errorMessage(error) }, 'a scrape failed')
        return text(500, 'the scrape failed\n')
      })
      .then((result) => respond(response, request, result))
      .catch(() => response.destroy())
  })

  const stop = async (): Promise<void> => {
    closing.abort(new Error('the exporter stops'))
    for (const { console: each } of consoles) each.close()
    for (const each of probes.values()) each.close()
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return {
    start: async () => ({ port: await listen(server, host, port) }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: readonly Buffer[]
}

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: [Buffer.from(body)] }
}

function metrics(body: readonly Buffer[]): Answer {
  return { status: 200, contentType: TEXT_CONTENT_TYPE, body }
}

function respond(
  response: ServerResponse,
  request: IncomingMessage,
  { status, contentType, body }: Answer,
): void {
  const length = body.reduce((sum, { length: bytes }) => sum + bytes, 0)
  if (status === 405) response.setHeader('allow', 'GET, HEAD')
  response.writeHead(status, { 'content-type': contentType, 'content-length': length })
  if (request.method !== 'HEAD') for (const chunk of body) response.write(chunk)
  response.end()
}

/** The least of what is configured and what Prometheus will wait for. */
function scrapeTimeoutMs(
  header: string | string[] | undefined,
  configuredMs: number = DEFAULT_TIMEOUT_MS,
): number {
  const seconds = Number(header)
  if (typeof header !== 'string' || !(seconds > 0)) return configuredMs
  return Math.max(100, Math.min(configuredMs, seconds * 1000 - SCRAPE_MARGIN_MS))
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `cannot listen on ${host}:${port}: ${errorMessage(error)}; is another exporter running there?`
      reject(new PgBouncerStatsError('PGBOUNCER_BAD_OPTIONS', message, { cause: error }))
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}
