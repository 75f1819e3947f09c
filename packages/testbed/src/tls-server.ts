import { once } from 'node:events'
import { createServer, type TlsOptions } from 'node:tls'
import type { Socket } from 'node:net'
import { listenOnLoopback } from './listen.ts'
import { createCertificate, createCertificateChain, type CertificateOptions, type KeyPair } from './pki.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export interface TlsServerOptions {
  /** What is wrong with the server's certificate. @default 'none' */
  readonly fault?:
    | 'none'
    | 'expired'
    | 'not-yet-valid'
    | 'wrong-name'
    | 'self-signed'
    | 'missing-intermediate'
  /** Certificate and key to use as they are; `fault` and `certificate` then do not count. */
  readonly keyPair?: KeyPair
  /** Changes to the server's certificate, on top of those of `fault`. */
  readonly certificate?: Omit<CertificateOptions, 'issuer' | 'isAuthority'>
  /** More options of `tls.createServer`, such as `minVersion` or `requestCert`. */
  readonly tls?: TlsOptions
  /** Answers a connection. @default closes it after the handshake */
  readonly onConnection?: (socket: Socket) => void
}

/** A running TLS server of one's own, with an authority made for it. */
export interface TlsServer {
  readonly host: string
  readonly port: number
  /** The root certificate (PEM) that a client has to trust; for 'self-signed' the server's own. */
  readonly ca: string
  /** The server's certificate and key, as PEM. */
  readonly leaf: KeyPair
  /** Shows another certificate (PEM, with its chain) from the next handshake on. */
  replaceCertificate(keyPair: KeyPair): void
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a TLS server on 127.0.0.1. */
export async function startTlsServer(options: TlsServerOptions = {}): Promise<TlsServer> {
  const { ca, leaf, presented } = await certificates(options)
  const server = createServer({ ...options.tls, key: leaf.key, cert: presented })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
  server.on('secureConnection', options.onConnection ?? ((socket) => socket.end()))
  // A client that rejects the certificate breaks off the handshake: that is its right.
  server.on('tlsClientError', () => undefined)
  const port = await listenOnLoopback(server)
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  return {
    host: '127.0.0.1',
    port,
    ca,
    leaf,
    replaceCertificate: ({ key, certificate }) =>
      server.setSecureContext({ ...options.tls, key, cert: certificate }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Certificates {
  readonly ca: string
  readonly leaf: KeyPair
  /** What the server shows: its certificate, and those between it and the root. */
  readonly presented: string
}

async function certificates(options: TlsServerOptions): Promise<Certificates> {
  const { fault = 'none', keyPair } = options
  if (keyPair !== undefined) return { ca: keyPair.certificate, leaf: keyPair, presented: keyPair.certificate }
  const wanted = { ...FAULTS[fault](), ...options.certificate }
  if (fault === 'self-signed') {
    const leaf = await createCertificate(wanted)
    return { ca: leaf.certificate, leaf, presented: leaf.certificate }
  }
  const { root, intermediate, leaf } = await createCertificateChain(wanted)
  const chain = fault === 'missing-intermediate' ? '' : intermediate.certificate
  return { ca: root.certificate, leaf, presented: leaf.certificate + chain }
}

const FAULTS: Record<NonNullable<TlsServerOptions['fault']>, () => CertificateOptions> = {
  none: () => ({}),
  expired: () => ({ notBefore: inDays(-90), notAfter: inDays(-1) }),
  'not-yet-valid': () => ({ notBefore: inDays(1), notAfter: inDays(90) }),
  'wrong-name': () => ({ commonName: 'elsewhere.example', names: ['DNS:elsewhere.example'] }),
  'self-signed': () => ({}),
  'missing-intermediate': () => ({}),
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS)
}
