import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Failure, FailureCode } from './failure.ts'
import type { TlsContext } from './tls-context.ts'

/** What was agreed in a handshake. */
export interface TlsInfo {
  /** `TLS 1.3` */
  readonly protocol: string
  /** IANA's name: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  readonly alpn?: string
}

/** What a handshake brought: plain data. */
export interface Handshake {
  /** What was presented, in the order of the server; there even if the handshake failed after that. */
  readonly chain: readonly Buffer[]
  /** There if the handshake came to its end. */
  readonly tls?: TlsInfo
  /** A stapled OCSP response. */
  readonly ocspResponse?: Buffer
  /** What kept it from its end. */
  readonly failure?: Failure
}

/** How long a server of TLS 1.3 may take to refuse a client that it has shaken hands with. */
const SETTLE_MS = { least: 250, most: 1000 }

/** How long a server may take to close its side too. */
const GOODBYE_MS = 1000

/**
 * Shakes hands over a connected socket and reads what the server presents, trusting nothing. The
 * connection is closed afterwards. Rejects only when `signal` is aborted before a certificate was seen.
 */
export async function shakeHands(
  socket: Socket,
  serverName: string | undefined,
  { context, alpn }: TlsContext,
  signal: AbortSignal,
): Promise<Handshake> {
  const startedAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Handshake>()
  let chain: readonly Buffer[] = []
  let ocspResponse: Buffer | undefined
  let settleTimer: NodeJS.Timeout | undefined

  const tlsSocket = connectTls({
    socket,
    secureContext: context,
    rejectUnauthorized: false,
    requestOCSP: true,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
  })
  let agreed: TlsInfo | undefined
  // The socket must not be asked here: asking one that is closed ends the process (Node 24).
  const done = (failure?: Failure): void => {
    resolve({
      chain,
      ...(agreed === undefined ? {} : { tls: agreed }),
      ...(ocspResponse === undefined ? {} : { ocspResponse }),
      ...(failure === undefined ? {} : { failure }),
    })
  }
  // In TLS 1.2 this comes when the server's flight is in and ours is not out: a server that then
  // hangs up, for want of a client certificate, has shown its certificate all the same.
  tlsSocket.once('OCSPResponse', (response: Buffer | null) => {
    chain = presentedChain(tlsSocket)
    if (response !== null && response.length > 0) ocspResponse = response
  })
  tlsSocket.once('secureConnect', () => {
    agreed = tlsInfo(tlsSocket)
    if (chain.length === 0) chain = presentedChain(tlsSocket)
    if (agreed.protocol !== 'TLS 1.3' || !isAskedForCertificate(tlsSocket)) return done()
    // In TLS 1.3 the client is done first: whether the server takes it, with the certificate that it
    // has or without one, shows in what it sends next, a session ticket or an alert, one round trip
    // from here. Some send nothing.
    settleTimer = setTimeout(
      done,
      Math.min(Math.max(2 * (performance.now() - startedAt), SETTLE_MS.least), SETTLE_MS.most),
    )
    tlsSocket.once('session', () => done())
    tlsSocket.once('data', () => done())
  })
  tlsSocket.once('error', (error: NodeJS.ErrnoException) => done(tlsFailure(error)))
  tlsSocket.once('close', () => done(agreed === undefined ? closedFailure() : undefined))
  const onAbort = (): void => {
    if (chain.length === 0) reject(signal.reason as Error)
    else done(failed('timeout', 'the server sent its certificate, and then did not finish the TLS handshake'))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await promise
  } finally {
    clearTimeout(settleTimer)
    signal.removeEventListener('abort', onAbort)
    tlsSocket.on('error', () => undefined)
    if (agreed === undefined || signal.aborted) tlsSocket.destroy()
    else takeLeave(tlsSocket)
  }
}

/** Only a server that asks for a client certificate says which signatures it takes from a client. */
function isAskedForCertificate(tlsSocket: TLSSocket): boolean {
  return tlsSocket.getSharedSigalgs().length > 0
}

/** Says goodbye as TLS wants it: a connection that is reset leaves a line in the log of many servers. */
function takeLeave(tlsSocket: TLSSocket): void {
  const timer = setTimeout(() => tlsSocket.destroy(), GOODBYE_MS)
  timer.unref()
  tlsSocket.once('close', () => clearTimeout(timer))
  tlsSocket.resume()
  tlsSocket.end()
}

/** Node gives the peer's certificates only once for a socket, each linked to the one that was sent next. */
function presentedChain(tlsSocket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = []
  let certificate: X509Certificate | undefined = tlsSocket.getPeerX509Certificate()
  while (certificate !== undefined) {
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

function tlsInfo(tlsSocket: TLSSocket): TlsInfo {
  const protocol = tlsSocket.getProtocol() ?? 'unknown'
  return {
    protocol: protocol.replace(/^TLSv1$/, 'TLSv1.0').replace('TLSv', 'TLS '),
    cipher: tlsSocket.getCipher().standardName,
    ...(typeof tlsSocket.alpnProtocol === 'string' ? { alpn: tlsSocket.alpnProtocol } : {}),
  }
}

function failed(code: FailureCode, message: string): Failure {
  return { phase: 'tls', code, message }
}

function closedFailure(): Failure {
  return failed('closed', 'the server closed the connection during the TLS handshake')
}

function tlsFailure(error: NodeJS.ErrnoException): Failure {
  const code = error.code ?? ''
  if (/CERTIFICATE_REQUIRED/.test(code))
    return failed('client-certificate-required', 'the server wants a client certificate')
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(code)) {
    return failed('not-tls', 'the server does not speak TLS on this port')
  }
  if (/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION/.test(code)) {
    return failed('protocol-not-supported', 'the server and this probe have no TLS version in common')
  }
  if (/EXCESSIVE_MESSAGE_SIZE/.test(code)) {
    return failed(
      'chain-too-large',
      'the server sends more than 100 KB of certificates, which clients refuse: send the leaf and its intermediates only',
    )
  }
  if (/^E(CONNRESET|PIPE|CONNABORTED)$/.test(code) || code === 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING') {
    return closedFailure()
  }
  const reason = (error as { reason?: string }).reason ?? error.message
  return failed('tls-failed', `the TLS handshake failed: ${reason}`)
}
