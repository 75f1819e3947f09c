import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls'
import { CertProbeError } from './errors.ts'
import { ProbeFailure } from './failure.ts'

/** What was agreed in a handshake. */
export interface TlsInfo {
  /** `TLS 1.3` */
  readonly protocol: string
  /** IANA's name: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  readonly alpn?: string
}

export interface Handshake {
  /** What was presented, in the order of the server; there even if the handshake failed after that. */
  readonly chain: readonly Buffer[]
  readonly tls?: TlsInfo
  /** A stapled OCSP response. */
  readonly ocspResponse?: Buffer
  readonly failure?: ProbeFailure
}

/** How to shake hands, made once for many probes: making a context costs more than a handshake. */
export interface TlsSettings {
  readonly context: SecureContext
  readonly alpn: readonly string[]
}

/** Options of {@link createTlsSettings}. */
export interface TlsSettingsOptions {
  /** The client's certificate with its chain, PEM. */
  readonly clientCertificatePem?: string
  /** The private key of the client certificate, as PEM. */
  readonly clientKeyPem?: string
  /** Opens the key where it is encrypted. */
  readonly clientKeyPassphrase?: string
  /** Protocols offered by ALPN. @default none */
  readonly alpn?: readonly string[]
  /** @default 'TLSv1' */
  readonly minVersion?: SecureVersion
  /** @default 'TLSv1.3' */
  readonly maxVersion?: SecureVersion
}

/**
 * Everything that OpenSSL can do, the best first and in the order in which Go offers it. A probe must
 * also see the certificate of a server that is hopelessly old: judging it comes later.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ALL',
  '!aNULL',
  '!eNULL',
  '@SECLEVEL=0',
].join(':')

/**
 * The first is the one that is prepared for: X25519, which costs both sides least; one without it (FIPS)
 * asks for P-256 in another round trip. A hybrid with ML-KEM would cost both sides more for nothing.
 */
const GROUPS = 'X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:ffdhe4096'

/** How long a server of TLS 1.3 may take to refuse a client that it has shaken hands with. */
const SETTLE_MS = { least: 250, most: 1000 }

/** How long a server may take to close its side too. */
const GOODBYE_MS = 1000

/**
 * Prepares handshakes: a client certificate, ALPN and versions, read and checked once for many probes.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_CLIENT_CERTIFICATE`
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { createTlsSettings, probe } from '@ops/cert-probe'
 *
 * const tls = createTlsSettings({
 *   clientCertificatePem: await readFile('client.pem', 'utf8'),
 *   clientKeyPem: await readFile('client.key', 'utf8'),
 * })
 * const report = await probe('vault.example.com:8200', { tls })
 * console.log(report.status)
 * ```
 */
export function createTlsSettings(options: TlsSettingsOptions = {}): TlsSettings {
  const { clientCertificatePem, clientKeyPem, clientKeyPassphrase } = options
  try {
    const context = createSecureContext({
      // No roots: chains are verified by this package, so OpenSSL need not load any.
      ca: [],
      ciphers: CIPHERS,
      ecdhCurve: GROUPS,
      minVersion: options.minVersion ?? 'TLSv1',
      maxVersion: options.maxVersion ?? 'TLSv1.3',
      ...(clientCertificatePem === undefined
        ? {}
        : { cert: clientCertificatePem, key: clientKeyPem ?? clientCertificatePem }),
      ...(clientKeyPassphrase === undefined ? {} : { passphrase: clientKeyPassphrase }),
    })
    return { context, alpn: options.alpn ?? [] }
  } catch (error) {
    throw new CertProbeError(
      'CERT_PROBE_BAD_CLIENT_CERTIFICATE',
      `the client certificate and its key cannot be used: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/**
 * Shakes hands over a connected socket and reads what the server presents, trusting nothing. The
 * connection is closed afterwards. Rejects only when `signal` is aborted before a certificate was seen.
 */
export async function shakeHands(
  socket: Socket,
  serverName: string | undefined,
  settings: TlsSettings,
  signal: AbortSignal,
): Promise<Handshake> {
  const startedAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Handshake>()
  let chain: readonly Buffer[] = []
  let ocspResponse: Buffer | undefined
  let settleTimer: NodeJS.Timeout | undefined

  const tlsSocket = connectTls({
    socket,
    secureContext: settings.context,
    rejectUnauthorized: false,
    requestOCSP: true,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(settings.alpn.length === 0 ? {} : { ALPNProtocols: [...settings.alpn] }),
  })
  let agreed: TlsInfo | undefined
  // The socket must not be asked here: asking one that is closed ends the process (Node 24).
  const done = (failure?: ProbeFailure): void => {
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
    else
      done(
        new ProbeFailure(
          'tls',
          'timeout',
          'the server sent its certificate, and then did not finish the TLS handshake',
        ),
      )
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

function closedFailure(cause?: Error): ProbeFailure {
  return new ProbeFailure('tls', 'closed', 'the server closed the connection during the TLS handshake', cause)
}

function tlsFailure(error: NodeJS.ErrnoException): ProbeFailure {
  const code = error.code ?? ''
  const make = (kind: ProbeFailure['failure']['code'], message: string): ProbeFailure =>
    new ProbeFailure('tls', kind, message, error)
  if (/CERTIFICATE_REQUIRED/.test(code))
    return make('client-certificate-required', 'the server wants a client certificate')
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(code)) {
    return make('not-tls', 'the server does not speak TLS on this port')
  }
  if (/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION/.test(code)) {
    return make('protocol-not-supported', 'the server and this probe have no TLS version in common')
  }
  if (/EXCESSIVE_MESSAGE_SIZE/.test(code)) {
    return make(
      'chain-too-large',
      'the server sends more than 100 KB of certificates, which clients refuse: send the leaf and its intermediates only',
    )
  }
  if (/^E(CONNRESET|PIPE|CONNABORTED)$/.test(code) || code === 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING') {
    return closedFailure(error)
  }
  const reason = (error as { reason?: string }).reason ?? error.message
  return make('tls-failed', `the TLS handshake failed: ${reason}`)
}
