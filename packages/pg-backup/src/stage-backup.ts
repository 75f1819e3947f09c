import { createWriteStream } from 'node:fs'
import { mkdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ObjectStore } from '@ops/object-store'
import { BackupError } from './backup-error.ts'
import type { Unlocker } from './encryption.ts'
import type { Manifest, ManifestObject } from './manifest.ts'
import { openPlain } from './open-backup.ts'
import { encodingSuffixOf } from './object-encoding.ts'
import { makeStagingFolder } from './staging-folder.ts'
import { createUploads } from './uploads.ts'

export interface StageOptions {
  readonly store: ObjectStore
  readonly manifest: Manifest
  readonly unlocker: Unlocker | undefined
  /** @default the system's temporary folder */
  readonly stagingFolder?: string
  readonly onBytes?: (bytes: number) => void
  readonly signal?: AbortSignal
}

/** A plain dump on this machine's disk; disposing of it removes it. */
export interface StagedBackup extends AsyncDisposable {
  /** The archive's file, or its folder. */
  readonly path: string
}

const DOWNLOADS_AT_A_TIME = 4

/** Unpacks a backup's dump into a staging folder, as `pg_dump` wrote it. */
export async function stageBackup(options: StageOptions): Promise<StagedBackup> {
  const { manifest, stagingFolder: root = tmpdir() } = options
  const objects = manifest.objects.filter(({ role }) => role !== 'globals')
  await refuseSmallDisk(root, objects)
  const staging = await makeStagingFolder(root, manifest).catch((error: unknown) => {
    throw stagingFailed(root, error)
  })
  const dispose = (): Promise<void> => rm(staging, { recursive: true, force: true, maxRetries: 3 })
  try {
    const path = join(staging, 'dump')
    const fileOf = plainFiles(manifest, path)
    if (manifest.layout === 'directory') await mkdir(path, { mode: 0o700 })
    await download(objects, fileOf, options)
    return { path, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function download(
  objects: readonly ManifestObject[],
  fileOf: (object: ManifestObject) => string,
  options: StageOptions,
): Promise<void> {
  const { onBytes, unlocker } = options
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  let bytes = 0
  const downloads = createUploads<ManifestObject>(
    DOWNLOADS_AT_A_TIME,
    async (object) => {
      const file = fileOf(object)
      const plain = await openPlain({ ...options, signal }, object, unlocker)
      plain.on('data', (piece: Buffer) => {
        bytes += piece.length
        onBytes?.(bytes)
      })
      await pipeline(plain, createWriteStream(file, { mode: 0o600, flags: 'wx' })).catch((error: unknown) => {
        throw (error as NodeJS.ErrnoException).syscall === undefined ? error : stagingFailed(file, error)
      })
    },
    (error) => stop.abort(error),
  )
  downloads.add(objects)
  await downloads.settled()
  signal.throwIfAborted()
}

/**
 * Names come from the manifest, and it from the store: a name that `pg_dump` would not give a file is
 * refused, so that nothing is written outside of the folder.
 */
function plainFiles(manifest: Manifest, path: string): (object: ManifestObject) => string {
  if (manifest.layout === 'custom') return () => path
  const suffix = encodingSuffixOf(manifest)
  return ({ name }) => {
    const file = name.slice('dump/'.length, name.length - suffix.length)
    if (name === `dump/${file}${suffix}` && /^[a-z0-9_]+\.(?:dat|toc)$/.test(file)) return join(path, file)
    throw new BackupError(
      'BACKUP_MANIFEST_INVALID',
      `the manifest of ${manifest.id} names the object "${name}", which is no file of a directory archive`,
    )
  }
}

async function refuseSmallDisk(root: string, objects: readonly ManifestObject[]): Promise<void> {
  const needed = objects.reduce((sum, { rawBytes }) => sum + rawBytes, 0)
  const { bavail, bsize } = await statfs(root).catch((error: unknown) => {
    throw stagingFailed(root, error)
  })
  if (needed <= bavail * bsize) return
  throw new BackupError(
    'BACKUP_STAGING_FULL',
    `unpacking the backup takes ${needed} bytes, and ${root} has ${bavail * bsize} left; name another staging folder`,
  )
}

export function stagingFailed(path: string, error: unknown): BackupError {
  return new BackupError(
    'BACKUP_STAGING_FAILED',
    `the staging folder cannot be used: ${path}: ${(error as Error).message}; name another one`,
    { cause: error },
  )
}
