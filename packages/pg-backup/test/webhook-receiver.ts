import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface WebhookReceiver extends AsyncDisposable {
  /** Has a token in its path, as such URLs have. */
  readonly url: string
  readonly requests: readonly ReceivedRequest[]
}

/** How the receiver answers one request. */
export type Answer = (response: ServerResponse) => void

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end()

/** Answers nothing, ever. */
export const silence: Answer = () => undefined

/** Cuts the connection instead of an answer. */
export const reset: Answer = (response) => void response.socket!.resetAndDestroy()

/** An HTTP server that keeps what it gets. It gives these answers one after the other, and the last one from then on. */
export async function startReceiver(...answers: readonly Answer[]): Promise<WebhookReceiver> {
  const requests: ReceivedRequest[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ method: request.method!, path: request.url!, headers: request.headers, body })
      const answer = answers[Math.min(requests.length, answers.length) - 1] ?? status(200)
      answer(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/services/T0/s3cr3t-token?key=hunter2`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
