import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProgramError } from '@ops/internal-subprocess'
import { createDirectoryReader, TOC_FILE, type DirectoryReader } from './archive/directory-reader.ts'
import { BackupError } from './backup-error.ts'
import type { BackupRef } from './backup-set.ts'
import type { BackupProgress, CreateBackupOptions } from './create-backup.ts'
import type { DumpOptions } from './dump-database.ts'
import { dumpDirectory, filesOf, type FinishedItem } from './dump-directory.ts'
import { explainDumpFailure } from './explain-dump-failure.ts'
import type { ManifestObject } from './manifest.ts'
import { encodeObject, encodingContentType, encodingSuffix } from './object-encoding.ts'
import { createStagedFiles, type StagedFile } from './staged-files.ts'
import { stagingFailed } from './stage-backup.ts'
import { makeStagingFolder } from './staging-folder.ts'
import { toBackupError } from './store-failure.ts'
import { progressOf, reporting, type DumpTarget, type StoredDump } from './stored-dump.ts'
import { createUploads } from './uploads.ts'

export interface DirectoryOptions extends Pick<
  CreateBackupOptions,
  'stagingFolder' | 'stagingMaxBytes' | 'whenStagingIsFull'
> {
  readonly backup: BackupRef
  readonly jobs: number
  readonly onProgress?: (progress: BackupProgress) => void
}

const DEFAULT_STAGING_MAX_BYTES = 16 * 1024 ** 3
/** Each upload holds a few parts in memory. */
const UPLOADS_AT_A_TIME = 4
/** How often staging is looked at. */
const LOOK_MS = 20
const DEFAULT_STALL_TIMEOUT_MS = 900_000
const READ_BYTES = 256 * 1024

/**
 * Dumps with several jobs in directory format, by way of a staging folder: each file is read, digested,
 * stored and deleted as soon as `pg_dump` is done with it. `pg_dump` is stopped while the folder is full.
 */
export async function storeDirectory(
  dump: DumpOptions,
  target: DumpTarget,
  options: DirectoryOptions,
): Promise<StoredDump> {
  const root = options.stagingFolder ?? tmpdir()
  const staging = await makeStagingFolder(root, options.backup).catch((error: unknown) => {
    throw stagingFailed(root, error)
  })
  try {
    return await dumpThrough(join(staging, 'dump'), dump, target, options)
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function dumpThrough(
  folder: string,
  dump: DumpOptions,
  target: DumpTarget,
  options: DirectoryOptions,
): Promise<StoredDump> {
  const maxBytes = options.stagingMaxBytes ?? DEFAULT_STAGING_MAX_BYTES
  const stop = new AbortController()
  const signal = target.signal === undefined ? stop.signal : AbortSignal.any([target.signal, stop.signal])
  const reader = createDirectoryReader({ digest: dump.digest })
  const members = createMembers(reader, { ...target, signal })
  const files = createStagedFiles(folder)
  const uploads = createUploads<StagedFile>(
    UPLOADS_AT_A_TIME,
    async (file) => {
      await members.store(file)
      await files.remove(file)
    },
    (error) => stop.abort(error),
  )
  /** Finished items are looked up one after the other. */
  let lookingUp: Promise<void> = Promise.resolve()
  const onFinished = (item: FinishedItem): void => {
    lookingUp = lookingUp
      .then(async () => uploads.add(await files.finish(await filesOf(item, folder))))
      .catch((error: unknown) => stop.abort(stagingFailed(folder, error)))
  }
  let lastSign = performance.now()
  const onLine = (): void => {
    lastSign = performance.now()
  }
  const pgDump = dumpDirectory({ ...dump, jobs: options.jobs, folder, signal, onFinished, onLine })
  const running = { yet: true }
  const ended = pgDump.exited.finally(() => {
    running.yet = false
  })

  /** Keeps `pg_dump` within the bound, the rate and the time limit, for as long as it runs. */
  async function watch(): Promise<void> {
    let written = 0
    while (running.yet) {
      await files.look()
      const grown = files.written - written
      written = files.written
      if (grown > 0) onLine()
      checkStall()
      if (dump.rateLimit !== undefined && grown > 0) {
        pgDump.pause()
        await dump.rateLimit.take(grown, signal)
        pgDump.resume()
      }
      if (files.bytes > maxBytes) await makeRoom()
      await sleep(LOOK_MS, undefined, { signal })
    }
  }

  async function makeRoom(): Promise<void> {
    if (options.whenStagingIsFull === 'fail') throw full()
    pgDump.pause()
    while (files.bytes > maxBytes) {
      // What pg_dump had said before it was stopped has been heard after that.
      await sleep(LOOK_MS, undefined, { signal })
      await lookingUp
      await files.look()
      if (uploads.isIdle && files.bytes > maxBytes) throw full()
    }
    onLine()
    pgDump.resume()
  }

  function full(): BackupError {
    const tables = [...pgDump.underWay]
    const underWay = tables.length === 0 ? '' : ` (under way: ${tables.join(', ')})`
    return new BackupError(
      'BACKUP_STAGING_FULL',
      `staging has ${files.bytes} bytes, and may have ${maxBytes}${underWay}; allow for more: it takes the ${options.jobs} largest tables at a time, or with one job none at all`,
    )
  }

  function checkStall(): void {
    const limitMs = dump.stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS
    if (performance.now() - lastSign < limitMs) return
    throw new BackupError('BACKUP_DUMP_STALLED', `pg_dump wrote nothing for ${limitMs / 1000} s`)
  }

  const current = (): ReturnType<typeof progressOf> => progressOf(reader.progress, members.storedBytes)
  try {
    return await reporting(options.onProgress, current, async () => {
      await Promise.all([ended, watch()])
      await lookingUp
      uploads.add(await files.finish(() => true))
      await uploads.settled()
      signal.throwIfAborted()
      return {
        layout: 'directory',
        objects: members.objects(),
        contents: reader.end(),
        warnings: pgDump.warnings,
      }
    })
  } catch (error) {
    const cause: unknown = stop.signal.aborted ? stop.signal.reason : error
    stop.abort(cause)
    if (cause instanceof ProgramError && cause.stderrTail.includes('No space left on device'))
      throw diskFull(folder, cause)
    throw await explainDumpFailure(cause, dump)
  } finally {
    await pgDump.kill()
    await lookingUp
    await uploads.settled()
  }
}

interface Members {
  store(file: StagedFile): Promise<void>
  readonly storedBytes: number
  /** All that were stored, the table of contents first. */
  objects(): ManifestObject[]
}

/** Stores files of a directory archive, and reads them on their way. */
function createMembers(reader: DirectoryReader, target: DumpTarget): Members {
  const { store, encoding, signal } = target
  const objects: ManifestObject[] = []
  const underWay = new Map<string, number>()

  async function* read({ name, path, bytes }: StagedFile): AsyncGenerator<Buffer, void, undefined> {
    const member = reader.member(name)
    let read = 0
    const stream = createReadStream(path, { highWaterMark: READ_BYTES })
    try {
      for await (const piece of stream) {
        member.write(piece as Buffer)
        read += (piece as Buffer).length
        yield piece as Buffer
      }
    } catch (error) {
      throw (error as NodeJS.ErrnoException).syscall === undefined ? error : stagingFailed(path, error)
    }
    if (read !== bytes) throw stagingFailed(path, new Error(`it has ${read} bytes, and had ${bytes} before`))
    member.end()
  }

  return {
    async store(file) {
      const name = `dump/${file.name}${encodingSuffix(encoding)}`
      const key = `${target.folder}${name}`
      try {
        const stored = await store.put(key, encodeObject(read(file), encoding), {
          // What cannot be compressed grows by a few bytes, and by a header when it is encrypted.
          sizeHintBytes: file.bytes + READ_BYTES,
          contentType: encodingContentType(encoding),
          signal,
          onProgress: (bytes) => underWay.set(name, bytes),
        })
        target.onStored(key)
        const { size, sha256, partSizeBytes } = stored
        const role = file.name === TOC_FILE ? 'toc' : 'member'
        objects.push({ name, role, storedBytes: size, rawBytes: file.bytes, sha256, partSizeBytes })
      } catch (error) {
        throw toBackupError(error, { doing: `storing ${key}`, key, signal })
      } finally {
        underWay.delete(name)
      }
    },
    get storedBytes() {
      const stored = objects.reduce((sum, object) => sum + object.storedBytes, 0)
      return [...underWay.values()].reduce((sum, bytes) => sum + bytes, stored)
    },
    objects() {
      const rank = ({ role, name }: ManifestObject): string => (role === 'toc' ? '' : name)
      return objects.toSorted((a, b) => rank(a).localeCompare(rank(b), 'en', { numeric: true }))
    },
  }
}

function diskFull(folder: string, error: ProgramError): BackupError {
  return new BackupError(
    'BACKUP_STAGING_FULL',
    `the disk with the staging folder ${folder} is full: ${error.message}; allow staging less than the disk has, or name another folder`,
    { cause: error },
  )
}
