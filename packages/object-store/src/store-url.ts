import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyProblem } from './object-key.ts'
import { ObjectStoreError } from './object-store-error.ts'

export type StoreLocation =
  | { readonly kind: 'file'; readonly folder: string }
  | {
      readonly kind: 's3'
      readonly bucket: string
      readonly prefix: string
      readonly endpoint?: string
      readonly region?: string
      readonly pathStyle?: boolean
      readonly maxParts?: number
    }

const forms = 's3://bucket/prefix?endpoint=…&region=…&pathStyle=true or file:///absolute/path'
const s3Parameters = ['endpoint', 'region', 'pathStyle', 'maxParts']

/**
 * Reads a store URL. Rejects what it does not understand, and never repeats more of it than a
 * parameter's name: it may have a password in it.
 */
export function parseStoreUrl(text: string): StoreLocation {
  const url = URL.canParse(text) ? new URL(text) : refuse(`it is no URL; expected ${forms}`)
  if (url.username !== '' || url.password !== '') {
    refuse(
      'it has credentials in it; leave them out and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role',
    )
  }
  if (url.hash !== '') refuse('it has a "#" in it; write %23 if that belongs to the path')
  if (url.protocol === 's3:') return s3Location(url)
  if (url.protocol === 'file:') return fileLocation(url)
  return refuse(`its scheme is ${url.protocol}; expected ${forms}`)
}

function fileLocation(url: URL): StoreLocation {
  if (url.search !== '') refuse('a file URL takes no parameters')
  if (url.host !== '') refuse('a file URL has three slashes and an absolute path: file:///absolute/path')
  const folder = decoded(() => fileURLToPath(url))
  if (!isAbsolute(folder) || folder.includes('\0')) refuse('its path cannot be used')
  return { kind: 'file', folder }
}

function s3Location(url: URL): StoreLocation {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/u.test(url.hostname) || url.port !== '') {
    refuse('it names no bucket; expected s3://bucket/prefix')
  }
  const prefix = decoded(() => decodeURIComponent(url.pathname)).replace(/^\/|\/$/gu, '')
  const problem = prefix === '' ? undefined : keyProblem(prefix)
  if (problem !== undefined) refuse(`its prefix cannot be used: ${problem}`)
  for (const name of url.searchParams.keys()) {
    if (!s3Parameters.includes(name))
      refuse(`it has the unknown parameter "${name}"; known are ${s3Parameters.join(', ')}`)
    if (url.searchParams.getAll(name).length > 1) refuse(`its parameter ${name} stands there twice`)
    if (url.searchParams.get(name) === '') refuse(`its parameter ${name} is empty`)
  }
  return {
    kind: 's3',
    bucket: url.hostname,
    prefix,
    endpoint: endpoint(url.searchParams.get('endpoint')),
    region: region(url.searchParams.get('region')),
    pathStyle: pathStyle(url.searchParams.get('pathStyle')),
    maxParts: maxParts(url.searchParams.get('maxParts')),
  }
}

function endpoint(value: string | null): string | undefined {
  if (value === null) return undefined
  const url = URL.canParse(value)
    ? new URL(value)
    : refuse('its endpoint is no URL; expected endpoint=https://host:port')
  if (url.username !== '' || url.password !== '') refuse('its endpoint has credentials in it; leave them out')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    refuse('its endpoint must begin with https:// or http://')
  return value
}

function region(value: string | null): string | undefined {
  if (value !== null && !/^[A-Za-z0-9-]+$/u.test(value))
    refuse('its region has other characters than letters, digits and hyphens')
  return value ?? undefined
}

function pathStyle(value: string | null): boolean | undefined {
  if (value !== null && value !== 'true' && value !== 'false')
    refuse('its parameter pathStyle must be true or false')
  return value === null ? undefined : value === 'true'
}

function maxParts(value: string | null): number | undefined {
  if (value !== null && !/^[1-9]\d{0,6}$/u.test(value))
    refuse('its parameter maxParts must be a whole number of at least 1')
  return value === null ? undefined : Number(value)
}

function decoded(decode: () => string): string {
  try {
    return decode()
  } catch {
    return refuse('its path has a percent sign that cannot be decoded')
  }
}

function refuse(problem: string): never {
  throw new ObjectStoreError('STORE_BAD_URL', `the store URL cannot be used: ${problem}`)
}
