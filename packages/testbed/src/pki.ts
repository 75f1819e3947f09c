import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from './find-program.ts'
import { MissingServerError } from './missing-server.ts'

const run = promisify(execFile)
const DAY_MS = 24 * 60 * 60 * 1000

/** A certificate and its private key, as PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

export interface CertificateOptions {
  /** @default 'localhost' */
  readonly commonName?: string
  /** Subject alternative names as openssl writes them. @default ['DNS:localhost', 'IP:127.0.0.1'], none for an authority */
  readonly names?: readonly string[]
  /** @default an hour ago */
  readonly notBefore?: Date
  /** @default in 30 days */
  readonly notAfter?: Date
  /** Who signs it. @default itself */
  readonly issuer?: KeyPair
  /** Whether it may sign other certificates. @default false */
  readonly isAuthority?: boolean
  /** @default 'ec' */
  readonly keyType?: 'ec' | 'rsa'
}

/** Makes a certificate with a key of its own, by the `openssl` program. */
export async function createCertificate(options: CertificateOptions = {}): Promise<KeyPair> {
  const openssl = findProgram('openssl')
  if (openssl === undefined) throw new MissingServerError('openssl not found on PATH')
  const folder = await mkdtemp(join(tmpdir(), 'ops-pki-'))
  try {
    return await sign(openssl, folder, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function sign(openssl: string, folder: string, options: CertificateOptions): Promise<KeyPair> {
  const file = (name: string): string => join(folder, name)
  await writeFile(file('ca.cnf'), configuration(options))
  await writeFile(file('index.txt'), '')
  const newKey =
    options.keyType === 'rsa'
      ? ['-newkey', 'rsa:2048']
      : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const name = ['-subj', `/CN=${(options.commonName ?? 'localhost').replaceAll(/[\\/+]/g, String.raw`\$&`)}`]
  await run(
    openssl,
    ['req', '-new', '-nodes', ...newKey, ...name, '-keyout', 'key.pem', '-out', 'request.pem'],
    {
      cwd: folder,
    },
  )
  const key = await readFile(file('key.pem'), 'utf8')
  const { issuer } = options
  if (issuer !== undefined) {
    await writeFile(file('issuer.pem'), issuer.certificate)
    await writeFile(file('issuer-key.pem'), issuer.key, { mode: 0o600 })
  }
  const signer =
    issuer === undefined
      ? ['-selfsign', '-keyfile', 'key.pem']
      : ['-cert', 'issuer.pem', '-keyfile', 'issuer-key.pem']
  // `openssl ca` is the one command that sets both dates in every version of openssl.
  const from = opensslDate(options.notBefore ?? new Date(Date.now() - DAY_MS / 24))
  const to = opensslDate(options.notAfter ?? new Date(Date.now() + 30 * DAY_MS))
  const dates = ['-startdate', from, '-enddate', to]
  const files = ['-in', 'request.pem', '-out', 'certificate.pem']
  await run(openssl, ['ca', '-batch', '-notext', '-config', 'ca.cnf', ...signer, ...dates, ...files], {
    cwd: folder,
  })
  return { certificate: await readFile(file('certificate.pem'), 'utf8'), key }
}

function configuration(options: CertificateOptions): string {
  const isAuthority = options.isAuthority ?? false
  const names = options.names ?? (isAuthority ? [] : ['DNS:localhost', 'IP:127.0.0.1'])
  return `
[ca]
default_ca = testbed
[testbed]
new_certs_dir = .
database = index.txt
unique_subject = no
rand_serial = yes
default_md = sha256
policy = anything
x509_extensions = extensions
[anything]
commonName = supplied
[extensions]
basicConstraints = critical, CA:${isAuthority}
keyUsage = critical, ${isAuthority ? 'keyCertSign, cRLSign' : 'digitalSignature'}
${isAuthority ? '' : 'extendedKeyUsage = serverAuth, clientAuth'}
${names.length === 0 ? '' : `subjectAltName = ${names.join(', ')}`}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`
}

function opensslDate(date: Date): string {
  return date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
}

/** A certificate for localhost and 127.0.0.1, and the certificate of the authority that signed it. */
export async function createServerCertificate(): Promise<{
  readonly authority: string
  readonly leaf: KeyPair
}> {
  const root = await createCertificate({ commonName: 'Testbed Root', isAuthority: true })
  return { authority: root.certificate, leaf: await createCertificate({ issuer: root }) }
}

/** A root authority, an intermediate one that it signed, and a server certificate from that. */
export interface CertificateChain {
  readonly root: KeyPair
  readonly intermediate: KeyPair
  readonly leaf: KeyPair
}

/** Makes a chain of three; `leaf` describes its last certificate. */
export async function createCertificateChain(
  leaf: Omit<CertificateOptions, 'issuer' | 'isAuthority'> = {},
): Promise<CertificateChain> {
  const tag = randomBytes(3).toString('hex')
  const root = await createCertificate({ commonName: `Testbed Root ${tag}`, isAuthority: true })
  const intermediate = await createCertificate({
    commonName: `Testbed Intermediate ${tag}`,
    isAuthority: true,
    issuer: root,
    notBefore: new Date(Date.now() - 400 * DAY_MS),
  })
  return { root, intermediate, leaf: await createCertificate({ ...leaf, issuer: intermediate }) }
}
