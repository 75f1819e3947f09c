import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** A file that is whole, and on its way to the store. */
export interface StagedFile {
  readonly name: string
  readonly path: string
  readonly bytes: number
}

/** The files that `pg_dump` writes into a folder, from their first byte until they are stored. */
export interface StagedFiles {
  /** Looks at the folder. */
  look(): Promise<void>
  /** Bytes in the folder, at the last look. */
  readonly bytes: number
  /** Bytes that were ever written, at the last look. */
  readonly written: number
  /** The largest file that is still being written, at the last look. */
  readonly largest: StagedFile | undefined
  /** Says which files are whole: they can be stored now. */
  finish(isWhole: (name: string) => boolean): Promise<StagedFile[]>
  /** Removes a file that is stored. */
  remove(file: StagedFile): Promise<void>
}

export function createStagedFiles(folder: string): StagedFiles {
  /** Those that are whole; what they hold does not change any more. */
  const whole = new Map<string, StagedFile>()
  let growing: StagedFile[] = []
  let removedBytes = 0

  /** One look at the folder after the other, so that no file is counted as growing once it is whole. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }

  const sum = (files: Iterable<StagedFile>): number => {
    let total = 0
    for (const file of files) total += file.bytes
    return total
  }

  async function measure(name: string): Promise<StagedFile> {
    const path = join(folder, name)
    return { name, path, bytes: (await stat(path)).size }
  }

  async function namesOfGrowing(): Promise<string[]> {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    return names.filter((name) => !whole.has(name))
  }

  return {
    look: () =>
      inTurn(async () => {
        growing = await Promise.all((await namesOfGrowing()).map(measure))
      }),
    get bytes() {
      return sum(whole.values()) + sum(growing)
    },
    get written() {
      return removedBytes + sum(whole.values()) + sum(growing)
    },
    get largest() {
      return growing.toSorted((a, b) => b.bytes - a.bytes)[0]
    },
    finish: (isWhole) =>
      inTurn(async () => {
        const finished = await Promise.all((await namesOfGrowing()).filter(isWhole).map(measure))
        for (const file of finished) whole.set(file.name, file)
        growing = growing.filter(({ name }) => !whole.has(name))
        return finished
      }),
    async remove(file) {
      await unlink(file.path)
      whole.delete(file.name)
      removedBytes += file.bytes
    },
  }
}
