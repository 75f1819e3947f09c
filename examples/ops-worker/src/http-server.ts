import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
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
  /** Asked about every other path; `false` is not found. */
  readonly fallback: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>
  readonly logger: Logger
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string
}

/** Serves a few paths by GET. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, routes, fallback, logger } = options
  const answer = async (request: IncomingMessage): Promise<Answer | undefined> => {
    const path = request.url?.split('?', 1)[0] ?? '/'
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined) return undefined
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    return isRead ? await route() : { status: 405, body: 'only GET\n' }
  }
  const listener: RequestListener = (request, response) => {
    answer(request)
      .catch((error: unknown): Answer => {
        logger.error({ path: request.url, reason: errorMessage(error) }, 'a request failed')
        return { status: 500, body: 'this failed; the log says why\n' }
      })
      .then(async (found) => {
        if (found === undefined && (await fallback(request, response))) return
        const {
          status,
          type = 'text/plain; charset=utf-8',
          body,
        } = found ?? { status: 404, body: 'not found\n' }
        response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
      .catch(() => response.destroy())
  }
  const server = createServer(listener)
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
