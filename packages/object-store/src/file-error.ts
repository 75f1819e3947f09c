import { errorMessage } from '@ops/internal-error'
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts'
import type { ObjectStoreErrorCode } from './object-store-error.ts'

const meanings: Readonly<Record<string, readonly [ObjectStoreErrorCode, string]>> = {
  ENOENT: ['STORE_NOT_FOUND', 'it does not exist'],
  EACCES: [
    'STORE_ACCESS_DENIED',
    'the user of this process may not; give it read and write access to the folder',
  ],
  EPERM: ['STORE_ACCESS_DENIED', 'the file system forbids it; check the owner and attributes of the folder'],
  EROFS: [
    'STORE_READ_ONLY',
    'the file system is mounted read-only; mount it writable or choose another folder',
  ],
  ENOSPC: ['STORE_FULL', 'no space is left on the device; free some or choose another folder'],
  EDQUOT: ['STORE_FULL', 'the disk quota is used up; raise it or free some space'],
  EFBIG: ['STORE_TOO_LARGE', 'the file system does not take files of this size; choose another folder'],
  ENAMETOOLONG: ['STORE_BAD_KEY', 'the file system does not take names of this length; use a shorter key'],
  ENOTDIR: ['STORE_BAD_KEY', 'a part of its path is a file already; use another key'],
  EISDIR: ['STORE_BAD_KEY', 'a folder of that name is in the way; use another key'],
  ENOTEMPTY: ['STORE_BAD_KEY', 'a folder of that name is in the way; use another key'],
  EILSEQ: ['STORE_BAD_KEY', 'the file system does not take such a name; use another key'],
}

export interface FileFailure {
  readonly url: string
  readonly key?: string
  /** What was being done, as in "cannot put …". */
  readonly doing: string
}

/** What a file system's error means for the store, told apart by `error.code`. */
export function fileError(error: unknown, { url, key, doing }: FileFailure): Error {
  if (isObjectStoreError(error)) return error
  const { code: errorName, syscall } = systemErrorFacts(error)
  const [code, meaning] = meanings[errorName ?? ''] ?? ['STORE_FAILED', errorMessage(error)]
  const object = key === undefined ? url : `${JSON.stringify(key)} in ${url}`
  return new ObjectStoreError(
    code,
    `cannot ${doing} ${object}: ${meaning}${errorName ? ` (${errorName})` : ''}`,
    {
      details: { url, key, operation: syscall, errorName },
      cause: error,
    },
  )
}

interface SystemErrorFacts {
  readonly code?: string
  readonly syscall?: string
}

function systemErrorFacts(error: unknown): SystemErrorFacts {
  return typeof error === 'object' && error !== null ? error : {}
}

/** True when `error` came from the file system. */
export function isFileSystemError(error: unknown): boolean {
  return typeof systemErrorFacts(error).syscall === 'string'
}

/** True when `error` is the system error `code`. */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  const { code } = systemErrorFacts(error)
  return code !== undefined && codes.includes(code)
}
