import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { errorMessage } from '@ops/internal-error'

/** Larger files are generated or data; parsing them would cost more than it finds. */
const MAX_FILE_BYTES: number = 8 * 1024 * 1024

export type ReadOutcome = { readonly bytes: Buffer } | { readonly problem: string }

/** Reads files one after another into the same memory: the bytes of one hold until the next is read. */
export function createSourceReader(): (path: string) => ReadOutcome {
  let memory = Buffer.allocUnsafe(256 * 1024)
  return (path) =>
    readInto(path, (size) => {
      if (memory.length < size) memory = Buffer.allocUnsafe(size)
      return memory
    })
}

/** Reads a file whole, unless it is too large, is not a regular file, or is not text. */
export function readSource(path: string): ReadOutcome {
  return readInto(path, (size) => Buffer.allocUnsafe(size))
}

function readInto(path: string, memoryFor: (size: number) => Buffer): ReadOutcome {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'r')
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return { problem: 'Not a regular file; not read' }
    if (stat.size > MAX_FILE_BYTES) {
      return { problem: `Larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB (${stat.size} bytes); not read` }
    }
    const bytes = memoryFor(stat.size)
    let length = 0
    while (length < stat.size) {
      const read = readSync(descriptor, bytes, length, stat.size - length, length)
      if (read === 0) break
      length += read
    }
    const text = bytes.subarray(0, length)
    if (text.subarray(0, 8192).includes(0))
      return { problem: 'Binary data under the name of a text file; not read' }
    return { bytes: text }
  } catch (error) {
    return { problem: `Cannot be read: ${errorMessage(error)}` }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
