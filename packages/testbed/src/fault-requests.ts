import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { listenOnLoopback } from './listen.ts'

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** 1 for the first request that the proxy saw. */
  readonly number: number
}

/** How chosen requests fail; the first fault that matches counts. */
export interface RequestFault {
  readonly when: (request: SeenRequest) => boolean
  /**
   * An answer in the target's place, which never sees the request; `no-answer`: nothing ever comes,
   * and the target never sees it either; or the target does what it is asked, and the connection
   * breaks before its answer arrives (`lose-answer`) or in the middle of it (`truncate-answer`).
   */
  readonly with: ErrorAnswer | 'lose-answer' | 'truncate-answer' | 'no-answer'
  /** How often. @default every time */
  readonly times?: number
}

/** An answer in the form that S3 gives to errors. */
export interface ErrorAnswer {
  readonly status: number
  /** S3's code, such as `SlowDown`. */
  readonly code: string
}

export const SLOW_DOWN: ErrorAnswer = { status: 503, code: 'SlowDown' }
export const INTERNAL_ERROR: ErrorAnswer = { status: 500, code: 'InternalError' }
export const ACCESS_DENIED: ErrorAnswer = { status: 403, code: 'AccessDenied' }

export interface RequestFaults {
  readonly port: number
  readonly seen: SeenRequest[]
  readonly faults: (RequestFault & { left: number })[]
  stop(): Promise<void>
}

/** Starts an HTTP server that passes requests on to `target`, but for those that are to fail. */
export async function startRequestFaults(target: URL): Promise<RequestFaults> {
  const seen: SeenRequest[] = []
  const faults: RequestFaults['faults'] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    const arrived = { method: incoming.method ?? '', path: incoming.url ?? '', number: seen.length + 1 }
    seen.push(arrived)
    const fault = faults.find((each) => each.left > 0 && each.when(arrived))
    if (fault !== undefined) fault.left -= 1
    if (fault?.with === 'no-answer') incoming.resume()
    else if (typeof fault?.with === 'object') answer(incoming, outgoing, fault.with)
    else forward(target, incoming, outgoing, fault?.with)
  })
  const port = await listenOnLoopback(server)
  return {
    port,
    seen,
    faults,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(incoming: IncomingMessage, outgoing: ServerResponse, { status, code }: ErrorAnswer): void {
  // The rest of the body is read and dropped, so that the connection can be used again.
  incoming.resume()
  outgoing.writeHead(status, { 'content-type': 'application/xml' })
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>by the fault proxy</Message></Error>`
  outgoing.end(incoming.method === 'HEAD' ? undefined : body)
}

/** Half of an answer whose length is promised. */
function breakOff(outgoing: ServerResponse, status = 200): void {
  outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': '1000' })
  outgoing.write('<?xml version="1.0" encoding="UTF-8"?>\n<', () => outgoing.destroy())
}

function forward(
  target: URL,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: 'lose-answer' | 'truncate-answer' | undefined,
): void {
  const onward = request({
    host: target.hostname,
    port: target.port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.rawHeaders,
    agent: false,
  })
  onward.on('response', (reply) => {
    if (fault !== undefined) {
      reply.resume()
      reply.once('end', () => {
        if (fault === 'truncate-answer') breakOff(outgoing, reply.statusCode)
        else incoming.socket.resetAndDestroy()
      })
      return
    }
    outgoing.writeHead(reply.statusCode ?? 502, reply.statusMessage, reply.rawHeaders)
    reply.on('error', () => outgoing.destroy())
    reply.pipe(outgoing)
  })
  onward.on('error', () => incoming.socket.resetAndDestroy())
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) onward.destroy()
  })
  incoming.pipe(onward)
}
