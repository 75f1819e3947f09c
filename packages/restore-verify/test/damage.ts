import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Manifest } from '@ops/pg-backup'

/** A backup set in a folder, to be damaged. */
export interface BackupFiles {
  /** The folder of this one backup. */
  readonly folder: string
  readonly manifest: Manifest
}

type Change = Readonly<Record<string, unknown>>

/** Rewrites the manifest. */
export async function editManifest({ folder, manifest }: BackupFiles, change: Change): Promise<void> {
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...change }))
}

/** Rewrites the stored dump, and leaves the manifest as it is. */
export async function editStored(
  { folder, manifest }: BackupFiles,
  edit: (stored: Buffer) => Buffer,
): Promise<void> {
  const path = join(folder, manifest.objects[0]!.name)
  await writeFile(path, edit(await readFile(path)))
}

/**
 * Rewrites the archive inside, compresses it again, and edits sizes and checksums in the manifest to
 * match: what somebody does who knows how, or a bug that happened before the checksum was taken.
 */
export async function editArchive(
  backup: BackupFiles,
  edit: (archive: Buffer) => Buffer,
  change: Change = {},
): Promise<void> {
  const { folder, manifest } = backup
  const [object] = manifest.objects
  const path = join(folder, object!.name)
  const archive = edit(zstdDecompressSync(await readFile(path)))
  const stored = zstdCompressSync(archive)
  await writeFile(path, stored)
  await editManifest(backup, {
    objects: [
      {
        ...object,
        storedBytes: stored.length,
        rawBytes: archive.length,
        sha256: createHash('sha256').update(stored).digest('hex'),
      },
    ],
    ...change,
  })
}

/** Takes the dump away. */
export function removeStored({ folder, manifest }: BackupFiles): Promise<void> {
  return rm(join(folder, manifest.objects[0]!.name))
}

/** `bytes` with `count` bits turned from `at` on. */
export function flip(bytes: Buffer, at: number, count = 1): Buffer {
  const copy = Buffer.from(bytes)
  for (let index = at; index < at + count; index++) copy[index]! ^= 0x55
  return copy
}

/** `bytes` with the one `find` in it, which must be there, replaced by something of the same or another length. */
export function replace(bytes: Buffer, find: string | Buffer, by: string | Buffer): Buffer {
  const at = bytes.indexOf(find)
  if (at < 0) throw new Error(`the archive has no ${JSON.stringify(String(find))}`)
  const length = typeof find === 'string' ? Buffer.byteLength(find) : find.length
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(by), bytes.subarray(at + length)])
}

/** Where the rows of a table begin: after the type, the number and the length of its first block. */
export function offsetOf(bytes: Buffer, find: string): number {
  const at = bytes.indexOf(find)
  if (at < 0) throw new Error(`the archive has no ${JSON.stringify(find)}`)
  return at
}
