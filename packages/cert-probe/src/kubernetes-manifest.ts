import { parseAllDocuments } from 'yaml'
import { pemCertificates } from './pem.ts'
import type { StoredCertificates } from './stored-certificates.ts'

/** Anything that YAML or JSON can hold; nothing about it is believed. */
export type Untrusted = unknown

/** The Kubernetes objects in a YAML or JSON text; empty when it is something else. */
export function readKubernetesYaml(text: string): Untrusted[] {
  const documents = parseAllDocuments(text, { logLevel: 'silent' })
  return [...documents].flatMap((document) => {
    if (document.errors.length > 0) return []
    const value: Untrusted = document.toJS({ maxAliasCount: 100 })
    return typeof field(value, 'kind') === 'string' ? [value] : []
  })
}

/** `value[name]`, if `value` is an object that has it. */
export function field(value: Untrusted, name: string): Untrusted {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** `value[name]` as text, or the empty string. */
export function textField(value: Untrusted, name: string): string {
  const text = field(value, name)
  return typeof text === 'string' ? text : ''
}

export function listField(value: Untrusted, name: string): Untrusted[] {
  const list = field(value, name)
  return Array.isArray(list) ? list : []
}

/** The certificates of a Secret, or of a List of them (`kubectl get secrets -o yaml`). */
export function secretCertificates(document: Untrusted, where?: string): StoredCertificates[] {
  const kind = textField(document, 'kind')
  if (kind === 'List' || kind === 'SecretList') {
    return listField(document, 'items').flatMap((item) => secretCertificates(typed(item), where))
  }
  if (kind !== 'Secret') return []
  const metadata = field(document, 'metadata')
  const namespace = textField(metadata, 'namespace') || 'default'
  const secret = textField(metadata, 'name')
  const data = Object.entries(field(document, 'data') ?? {}).map(
    ([key, value]) => [key, fromBase64(value)] as const,
  )
  const stringData = Object.entries(field(document, 'stringData') ?? {}).map(
    ([key, value]) => [key, String(value)] as const,
  )
  return [...data, ...stringData].flatMap(([key, text]) => {
    const ders = pemCertificates(text)
    if (ders.length === 0) return []
    const location = `${where === undefined ? '' : `${where} `}${namespace}/${secret}:${key}`
    return [{ location, origin: { kind: 'kubernetes', namespace, secret, key } as const, ders }]
  })
}

/** Items of a SecretList do not say what they are. */
function typed(item: Untrusted): Untrusted {
  return typeof item === 'object' && item !== null ? { kind: 'Secret', ...item } : item
}

/** The CA certificates and the client certificates of a kubeconfig. */
export async function kubeconfigCertificates(
  document: Untrusted,
  path: string,
  readReferenced: (file: string) => Promise<string>,
): Promise<StoredCertificates[]> {
  if (textField(document, 'kind') !== 'Config') return []
  const found: StoredCertificates[] = []
  const sources = [
    { list: 'clusters', type: 'cluster', key: 'certificate-authority' },
    { list: 'users', type: 'user', key: 'client-certificate' },
  ] as const
  for (const { list, type, key } of sources) {
    for (const entry of listField(document, list)) {
      const name = textField(entry, 'name')
      const pem = await embeddedOrReferenced(field(entry, type), key, readReferenced)
      const ders = pemCertificates(pem)
      if (ders.length > 0)
        found.push({
          location: `${path} ${type} ${name}`,
          origin: { kind: 'kubeconfig', path, name, type },
          ders,
        })
    }
  }
  return found
}

/** `KEY-data` is base64 and goes before `KEY`, which is a file. */
export async function embeddedOrReferenced(
  value: Untrusted,
  key: string,
  readReferenced: (file: string) => Promise<string>,
): Promise<string> {
  const embedded = textField(value, `${key}-data`)
  if (embedded !== '') return fromBase64(embedded)
  const file = textField(value, key)
  return file === '' ? '' : readReferenced(file)
}

function fromBase64(value: Untrusted): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : ''
}
