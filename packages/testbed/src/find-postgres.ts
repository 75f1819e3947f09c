import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { candidates } from './find-program.ts'

/** One installation of PostgreSQL's programs. */
export interface PostgresInstallation {
  /** The folder that holds `postgres`, `initdb` and the client programs. */
  readonly binFolder: string
  readonly major: number
}

/** The newest PostgreSQL server on this machine, or the newest of the given major version. */
export function findPostgres(major?: number): PostgresInstallation | undefined {
  // Debian's wrappers in /usr/bin are links elsewhere; the server's own folder has both programs.
  const folders = candidates('initdb').map((path) => dirname(realpathSync(path)))
  const found = [...new Set(folders)].flatMap((binFolder) => installation(binFolder))
  const preferred = process.env['OPS_PG_BIN'] === undefined ? newest(found) : found
  return preferred.find((each) => major === undefined || each.major === major)
}

function newest(found: PostgresInstallation[]): PostgresInstallation[] {
  return found.toSorted((a, b) => b.major - a.major)
}

function installation(binFolder: string): PostgresInstallation[] {
  try {
    const output = execFileSync(join(binFolder, 'postgres'), ['--version'], { encoding: 'utf8' })
    const major = Number(/\(PostgreSQL\) (\d+)/.exec(output)?.[1])
    return Number.isInteger(major) ? [{ binFolder, major }] : []
  } catch {
    return []
  }
}
