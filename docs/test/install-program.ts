import { chmod, writeFile } from 'node:fs/promises'

/** Puts a command at `path` that runs `program`, with the words that it is given at the end. */
export async function installProgram(path: string, ...program: readonly string[]): Promise<void> {
  await writeFile(path, `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  await chmod(path, 0o755)
}
