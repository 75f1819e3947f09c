import { request as requestHttp, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { unlessAborted } from './deadline.ts'
import { systemResolve, type Resolve } from './resolve.ts'

export interface HttpExchange {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** More than this is refused. */
  readonly maxBytes: number
  readonly signal: AbortSignal
  readonly resolve?: Resolve
  readonly allowAddress?: (ip: string) => boolean
  /** A Unix socket to connect to; the URL's host is only a header then. */
  readonly socketPath?: string
  /** Trust and client certificate for https, PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/**
 * One request to one address: no redirects, no proxies, no pooled connections, a bounded answer.
 * Rejects unless the answer is 200. The address that was allowed is the one that is connected to.
 */
export async function exchange(url: URL, options: HttpExchange): Promise<Buffer> {
  const where =
    options.socketPath === undefined ? await address(url, options) : { socketPath: options.socketPath }
  const host = withoutBrackets(url.hostname)
  const settings: RequestOptions & { servername?: string } = {
    ...where,
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: options.method ?? 'GET',
    headers: { host: url.host, ...options.headers },
    signal: options.signal,
    agent: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert, key: options.key }),
  }
  return send(settings, url.protocol === 'https:', options)
}

async function address(url: URL, options: HttpExchange): Promise<{ host: string }> {
  const host = withoutBrackets(url.hostname)
  const addresses =
    isIP(host) === 0
      ? await unlessAborted((options.resolve ?? systemResolve)(host), options.signal)
      : [{ ip: host }]
  const allowed = addresses.find(({ ip }) => options.allowAddress?.(ip) ?? true)
  if (allowed === undefined) throw new Error(`${host} is not an address that may be asked from here`)
  return { host: allowed.ip }
}

function send(settings: RequestOptions, isHttps: boolean, { maxBytes, body }: HttpExchange): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const request = (isHttps ? requestHttps : requestHttp)(settings)
  request.once('error', reject)
  request.once('response', (response) => {
    const chunks: Buffer[] = []
    let length = 0
    response.once('error', reject)
    response.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBytes) {
        chunks.push(chunk)
        return
      }
      reject(new Error(`the answer is longer than ${maxBytes} bytes`))
      request.destroy()
    })
    response.once('end', () => {
      const content = Buffer.concat(chunks)
      if (response.statusCode === 200) resolve(content)
      else
        reject(
          new Error(
            `the answer was HTTP ${response.statusCode}: ${content.toString('utf8').slice(0, 200).trim()}`,
          ),
        )
    })
  })
  request.end(body)
  return promise
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
