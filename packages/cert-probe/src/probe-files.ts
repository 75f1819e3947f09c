import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import { parseCertificate } from './certificate.ts'
import { ProbeFailure } from './failure.ts'
import { kubeconfigCertificates, readKubernetesYaml, secretCertificates } from './kubernetes-manifest.ts'
import { pemCertificates } from './pem.ts'
import { readPkcs12 } from './pkcs12.ts'
import type { EndpointReport } from './report.ts'
import { failedStored, reportStored, type StoredCertificates } from './stored-certificates.ts'
import type { VerdictOptions } from './verdict.ts'

export interface ProbeFilesOptions extends VerdictOptions {
  readonly filePassword?: string
  readonly now?: () => number
  readonly signal?: AbortSignal
}

const MAX_FILE_BYTES = 8 * 1024 * 1024
const MAX_FILES = 10_000
const MAX_DEPTH = 8
/** In a folder, only files that are named like certificates are opened. */
const EXTENSIONS: ReadonlySet<string> = new Set(['.pem', '.crt', '.cer', '.cert', '.der', '.p12', '.pfx'])

/** Reports the certificates of a file, or of all files below a folder. */
export async function probeFiles(path: string, options: ProbeFilesOptions): Promise<EndpointReport[]> {
  const startedAt = performance.now()
  try {
    if (!(await stat(path)).isDirectory()) return await probeFile(path, options)
    const files = await listFiles(path, MAX_DEPTH)
    const reports: EndpointReport[] = []
    for (const file of files) {
      options.signal?.throwIfAborted()
      // A key beside its certificate has nothing to tell.
      reports.push(
        ...(await probeFile(file, options)).filter((report) => report.failure?.code !== 'no-certificate'),
      )
    }
    if (reports.length > 0) return reports
    const message = `there is no certificate in ${path} (${files.length} files named like one)`
    return [failedStored(path, undefined, { phase: 'read', code: 'no-certificate', message }, startedAt)]
  } catch (error) {
    options.signal?.throwIfAborted()
    const message = `${path} cannot be read: ${errorMessage(error)}`
    return [failedStored(path, undefined, { phase: 'read', code: 'file-unreadable', message }, startedAt)]
  }
}

async function listFiles(folder: string, depth: number): Promise<string[]> {
  const names = (await readdir(folder)).toSorted()
  const files: string[] = []
  for (const name of names) {
    // Kubernetes mounts a Secret twice: as links, and in hidden folders that the links lead to.
    if (name.startsWith('.')) continue
    const path = join(folder, name)
    const info = await stat(path).catch(() => undefined)
    if (info?.isDirectory() === true && depth > 0) files.push(...(await listFiles(path, depth - 1)))
    if (info?.isFile() === true && EXTENSIONS.has(extname(name).toLowerCase())) files.push(path)
    if (files.length > MAX_FILES)
      throw new Error(`it has more than ${MAX_FILES} certificate files: name a smaller folder`)
  }
  return files
}

async function probeFile(path: string, options: ProbeFilesOptions): Promise<EndpointReport[]> {
  const startedAt = performance.now()
  const origin = { kind: 'file', path } as const
  try {
    const info = await stat(path)
    if (!info.isFile()) throw new ProbeFailure('read', 'file-unreadable', `${path} is not a regular file`)
    if (info.size > MAX_FILE_BYTES)
      throw new ProbeFailure(
        'read',
        'file-unreadable',
        `${path} is too large for a certificate file (${info.size} bytes)`,
      )
    const found = await readCertificateFile(await readFile(path), path, options)
    if (found.length === 0)
      throw new ProbeFailure('read', 'no-certificate', `there is no certificate in ${path}`)
    return found.flatMap((stored) => reportStored(stored, (options.now ?? Date.now)(), options, startedAt))
  } catch (error) {
    const { failure } =
      error instanceof ProbeFailure
        ? error
        : new ProbeFailure('read', 'file-unreadable', `${path} cannot be read: ${errorMessage(error)}`, error)
    return [failedStored(path, origin, failure, startedAt)]
  }
}

/** Tells the formats apart by content: the names of files are not to be relied on. */
async function readCertificateFile(
  content: Buffer,
  path: string,
  options: ProbeFilesOptions,
): Promise<StoredCertificates[]> {
  const stored = (ders: readonly Buffer[]): StoredCertificates[] =>
    ders.length === 0 ? [] : [{ location: path, origin: { kind: 'file', path }, ders }]
  if (content[0] === 0x30) {
    try {
      parseCertificate(content)
      return stored([content])
    } catch {
      return stored(await readPkcs12(content, options.filePassword, path))
    }
  }
  const text = content.toString('utf8')
  const documents = /^\s*["']?(apiVersion|kind)["']?\s*:|^\s*\{/m.test(text) ? readKubernetesYaml(text) : []
  if (documents.length === 0) return stored(pemCertificates(text))
  const readReferenced = (file: string): Promise<string> => readFile(resolve(dirname(path), file), 'utf8')
  const configs = await Promise.all(
    documents.map((document) => kubeconfigCertificates(document, path, readReferenced)),
  )
  return [...configs.flat(), ...documents.flatMap((document) => secretCertificates(document, path))]
}
