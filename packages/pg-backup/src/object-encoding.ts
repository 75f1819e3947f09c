import type { Readable } from 'node:stream'
import {
  compressionContentType,
  compressionStream,
  compressionSuffix,
  decompressionStream,
  type Compression,
} from './compression.ts'
import { encrypt, type BackupEncryption, type Unlocker } from './encryption.ts'
import type { Manifest } from './manifest.ts'
import { streamOf } from './stream-of.ts'

/** How the objects of a backup are written: compressed, then encrypted. */
export interface ObjectEncoding {
  readonly compression: Compression
  readonly encryption?: BackupEncryption
}

/** What the encoding adds to an object's name: `.zst.age`. */
export function encodingSuffix({ compression, encryption }: ObjectEncoding): string {
  return `${compressionSuffix(compression)}${encryption === undefined ? '' : '.age'}`
}

/** The same of a backup that was taken. */
export function encodingSuffixOf({
  compression,
  encryption,
}: Pick<Manifest, 'compression' | 'encryption'>): string {
  return `${compressionSuffix(compression)}${encryption === null ? '' : '.age'}`
}

export function encodingContentType({ compression, encryption }: ObjectEncoding): string {
  return encryption === undefined ? compressionContentType(compression) : 'application/octet-stream'
}

/** What is stored of `source`; its error is the result's. */
export function encodeObject(
  source: AsyncIterable<Buffer>,
  { compression, encryption }: ObjectEncoding,
): Readable {
  const compressed = compressionStream(source, compression)
  if (encryption === undefined) return compressed
  return streamOf(encrypt(compressed, encryption))
}

/** The reverse; `unlocker` where the backup is encrypted. */
export function decodeObject(
  stored: Readable,
  compression: Compression,
  unlocker: Unlocker | undefined,
): Readable {
  if (unlocker === undefined) return decompressionStream(stored, compression)
  return decompressionStream(streamOf(unlocker.decrypt(stored)), compression)
}
