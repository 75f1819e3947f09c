import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorMessage } from '@ops/internal-error'
import type { Logger } from '@ops/pg-backup'

export interface Answer {
  readonly status: number
  /** @default 'text/plain; charset=utf-8' */
  readonly type?: string
  readonly body: string
}

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  /** By path. */
  readonly routes: Readonly<Record<string, () => Promise<Answer>>>
  /** Everything else. @default 404 */
  readonly fallback?: RequestListener
  readonly logger: Logger
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string
}

/** Serves a few paths by GET. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, routes, fallback, logger } = options
  const answer: RequestListener = (request, response) => {
    const pathname = request.url?.split('?', 1)[0] ?? '/'
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (route === undefined && fallback !== undefined) return fallback(request, response)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const found: Promise<Answer> = !isRead
      ? Promise.resolve({ status: 405, body: 'only GET\n' })
      : (route?.() ?? Promise.resolve({ status: 404, body: 'not found\n' }))
    found
      .catch((error: unknown): Answer => {
        logger.error({ path: pathname, reason: errorMessage(error) }, 'a request failed')
        return { status: 500, body: 'this failed; the log says why\n' }
      })
      .then(({ status, type = 'text/plain; charset=utf-8', body }) => {
        response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
      .catch(() => response.destroy())
  }
  const server = createServer(answer)
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
