// Listens on many ports in a row with one certificate, in a process of its own, and says the first of them.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'

const [folder, count] = process.argv.slice(2) as [string, string]
const options = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }

process.stdout.write(`${await listenInARow(Number(count))}\n`)

async function listenInARow(wanted: number): Promise<number> {
  for (let first = 20_000; first + wanted < 32_000; first += wanted) {
    const servers: Server[] = []
    try {
      for (let port = first; port < first + wanted; port += 1) servers.push(await listen(port))
      return first
    } catch {
      for (const server of servers) server.close()
    }
  }
  throw new Error(`there are no ${wanted} free ports in a row`)
}

async function listen(port: number): Promise<Server> {
  const server = createServer(options, (socket) => socket.on('error', () => undefined).end())
  server.on('tlsClientError', () => undefined)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
