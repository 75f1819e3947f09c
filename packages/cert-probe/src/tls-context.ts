import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'
import { CertProbeError } from './errors.ts'

/** What a handshake needs to know; bound to the thread that made it. */
export interface TlsContext {
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

/** @throws {CertProbeError} `CERT_PROBE_BAD_CLIENT_CERTIFICATE` */
export function createTlsContext(options: TlsSettingsOptions): TlsContext {
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
