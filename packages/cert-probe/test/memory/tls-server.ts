// Listens with the certificate and the key in CERTIFICATE and KEY (PEM), and says the port.
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

const { CERTIFICATE: cert, KEY: key } = process.env
const server = createServer({ cert, key }, (socket) => socket.on('error', () => undefined).resume())
server.on('tlsClientError', () => undefined)
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
