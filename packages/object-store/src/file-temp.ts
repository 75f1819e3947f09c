import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path/posix'

/** `.upload-<start in ms, base 36>-<12 random hex digits>-<name of the object>`, beside the object to be. */
const pattern = /^\.upload-([0-9a-z]{8,9})-([0-9a-f]{12})-(.+)$/su
const uploadIdPattern = /^[0-9a-z]{8,9}-[0-9a-f]{12}$/u

export interface TempName {
  readonly name: string
  readonly uploadId: string
  readonly startedAt: Date
}

/** A new upload's id: it carries its own start time, which no copying of files changes. */
export function newUploadId(now: number): string {
  return `${now.toString(36)}-${randomBytes(6).toString('hex')}`
}

export function isUploadId(uploadId: string): boolean {
  return uploadIdPattern.test(uploadId)
}

export function tempKey(key: string, uploadId: string): string {
  const folder = dirname(key)
  const name = `.upload-${uploadId}-${key.slice(key.lastIndexOf('/') + 1)}`
  return folder === '.' ? name : join(folder, name)
}

/** What a file name says when it is a temp file's; `undefined` of every other name. */
export function parseTempName(fileName: string): TempName | undefined {
  const match = pattern.exec(fileName)
  if (match === null) return undefined
  const [, started = '', random = '', name = ''] = match
  return { name, uploadId: `${started}-${random}`, startedAt: new Date(Number.parseInt(started, 36)) }
}
