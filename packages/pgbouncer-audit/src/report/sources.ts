import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** Reads lines of the audited files for reports, each file once. */
export function createSourceLines(cwd: string): (file: string) => readonly string[] {
  const cache = new Map<string, readonly string[]>()
  return (file) => {
    const known = cache.get(file)
    if (known !== undefined) return known
    let lines: readonly string[] = []
    try {
      lines = readFileSync(resolve(cwd, file), 'utf8').split('\n')
    } catch {
      // The file went away since it was read; the report stands without its frame.
    }
    cache.set(file, lines)
    return lines
  }
}
