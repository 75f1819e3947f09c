import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { ConnectionOptions } from '../src/connection-options.ts'

export interface HostileServer {
  readonly connection: ConnectionOptions
  [Symbol.asyncDispose](): Promise<void>
}

/** Something on PgBouncer's port that is not PgBouncer, or not any more. */
export async function startHostileServer(onConnection: (socket: Socket) => void): Promise<HostileServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    connection: { host: '127.0.0.1', port, user: 'stats', password: 'secret', sslMode: 'disable' },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
