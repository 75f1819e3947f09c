import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStatusHandler, type StatusHandlerOptions } from '../src/handler.ts'

export interface StatusServer extends AsyncDisposable {
  readonly url: string
}

/** The handler on 127.0.0.1; what is none of its paths is answered with 404. */
export async function startStatusServer(options: StatusHandlerOptions): Promise<StatusServer> {
  const handle = createStatusHandler(options)
  const server = createServer((request, response) => {
    void handle(request, response).then((isHandled) => {
      if (!isHandled) response.writeHead(404).end('elsewhere')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
