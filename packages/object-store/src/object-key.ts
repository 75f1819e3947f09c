import { ObjectStoreError } from './object-store-error.ts'

const maxKeyBytes = 1024

/** Says what is wrong with a key, or `undefined`: the rules of `ObjectStore`, the same for every store. */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'it is empty'
  if (!key.isWellFormed()) return 'it is not well-formed Unicode'
  if (key.includes('\0')) return 'it contains a NUL character'
  if (Buffer.byteLength(key) > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`
  const segments = key.split('/')
  if (segments.includes('')) return 'it has an empty segment (a leading, trailing or double slash)'
  if (segments.includes('.') || segments.includes('..')) return "it has a segment '.' or '..'"
  return undefined
}

/** The error of a key that no store accepts, or `undefined`. */
export function badKeyError(key: string, url: string): ObjectStoreError | undefined {
  const problem = keyProblem(key)
  if (problem === undefined) return undefined
  return new ObjectStoreError(
    'STORE_BAD_KEY',
    `${JSON.stringify(key)} cannot be a key in ${url}: ${problem}`,
    {
      details: { url, key },
    },
  )
}

/** Throws `STORE_BAD_KEY` unless `key` is one that every store accepts. */
export function checkKey(key: string, url: string): void {
  const error = badKeyError(key, url)
  if (error !== undefined) throw error
}
