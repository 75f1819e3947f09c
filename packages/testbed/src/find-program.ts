import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The path of `program`, or `undefined` where the machine has none. Looks in `OPS_PG_BIN`, on PATH,
 * in `/usr/sbin`, in `/usr/lib/postgresql/VERSION/bin` (newest first) and in Homebrew's folders, as
 * scripts/setup.mjs does.
 */
export function findProgram(program: string): string | undefined {
  return candidates(program)[0]
}

/** Every file of this name that can be run, in the order in which they are preferred. */
export function candidates(program: string): string[] {
  const folders = [
    process.env['OPS_PG_BIN'],
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    ...debianFolders(),
    ...homebrewFolders(),
  ]
  const paths = folders.flatMap((folder) => (folder ? [join(folder, program)] : []))
  return [...new Set(paths)].filter(isExecutableFile)
}

function debianFolders(): string[] {
  return newestFirst(list('/usr/lib/postgresql')).map((version) => `/usr/lib/postgresql/${version}/bin`)
}

function homebrewFolders(): string[] {
  return ['/opt/homebrew/opt', '/usr/local/opt'].flatMap((parent) =>
    newestFirst(list(parent).filter((name) => /^(postgresql|libpq|pgbouncer)/.test(name))).map((name) =>
      join(parent, name, 'bin'),
    ),
  )
}

function newestFirst(names: string[]): string[] {
  return names.toSorted((a, b) => versionOf(b) - versionOf(a))
}

function versionOf(name: string): number {
  return Number(/(\d+(?:\.\d+)?)$/.exec(name)?.[1] ?? 0)
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
