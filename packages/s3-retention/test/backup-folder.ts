import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileStore, type ObjectStore } from '@ops/object-store'

export const NOW: Date = new Date('2026-11-21T12:00:00Z')
const DAY_MS = 86_400_000

/** A folder of backup sets on disk, and the store on it. */
export interface BackupFolder extends AsyncDisposable {
  readonly path: string
  readonly store: ObjectStore
  /** Writes any object, stored at a given time. */
  write(key: string, text: string, storedAt?: Date): Promise<void>
  /** Writes a whole set, stored when it was taken; returns its folder. */
  writeSet(takenAt: Date, options?: SetOptions): Promise<string>
  /** One set for each of the last days, the newest first. */
  writeDaily(days: number, options?: SetOptions): Promise<string[]>
  keys(): Promise<string[]>
}

export interface SetOptions {
  readonly database?: string
  readonly manifest?: Record<string, unknown> | false
  readonly verdict?: string
}

export async function createBackupFolder(): Promise<BackupFolder> {
  const path = await mkdtemp(join(tmpdir(), 'retention-'))
  let count = 0
  const write = async (key: string, text: string, storedAt: Date = NOW): Promise<void> => {
    const file = join(path, key)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    await utimes(file, storedAt, storedAt)
  }
  const writeSet = async (
    takenAt: Date,
    { database = 'app', manifest = {}, verdict }: SetOptions = {},
  ): Promise<string> => {
    count += 1
    const id = `${takenAt.toISOString().replaceAll(/[-:]/g, '').slice(0, 15)}Z-${count.toString(36).padStart(6, '0')}`
    const folder = `main/logical/${database}/${id}`
    await write(`${folder}/dump.pgc.zst`, 'dump', takenAt)
    await write(`${folder}/globals.sql.zst`, 'globals', takenAt)
    const objects = [
      { name: 'dump.pgc.zst', role: 'dump', storedBytes: 4 },
      { name: 'globals.sql.zst', role: 'globals', storedBytes: 7 },
    ]
    if (manifest !== false) {
      await write(
        `${folder}/manifest.json`,
        JSON.stringify({ format: 'ops.backup/1', id, objects, ...manifest }),
        takenAt,
      )
    }
    if (verdict !== undefined)
      await write(
        `${folder}/verification.json`,
        JSON.stringify({ format: 'ops.verification/1', verdict }),
        takenAt,
      )
    return folder
  }
  return {
    path,
    store: fileStore({ folder: path }),
    write,
    writeSet,
    writeDaily: async (days, options) => {
      const folders: string[] = []
      for (let age = 0; age < days; age += 1) {
        folders.push(await writeSet(new Date(NOW.getTime() - age * DAY_MS - 3_600_000), options))
      }
      return folders
    },
    keys: async () => {
      const entries = await readdir(path, { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
        .toSorted()
    },
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }),
  }
}
