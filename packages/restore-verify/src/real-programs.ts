import { access, realpath } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/**
 * The environment with the real client programs of PostgreSQL in front of Debian's `pg_wrapper`, which
 * is what `psql` and the others on PATH are there: a Perl program that chooses a cluster and a version.
 * A drill starts some thirty of them, and waits five times as long for the wrapper as for the program.
 * Where no host is named, the wrapper's choice of a cluster counts, and nothing is changed.
 */
export async function withRealPrograms(
  env: NodeJS.ProcessEnv,
  { major, host = env['PGHOST'] }: { readonly major: number; readonly host?: string },
): Promise<NodeJS.ProcessEnv> {
  if (host === undefined || host === '' || env['PGCLUSTER'] !== undefined) return env
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const psql = await firstOf(folders.map((folder) => join(folder, 'psql')))
  if (psql === undefined || !(await realpath(psql)).endsWith('/pg_wrapper')) return env
  const real = `/usr/lib/postgresql/${major}/bin`
  if ((await firstOf([join(real, 'psql')])) === undefined) return env
  return { ...env, PATH: [real, ...folders].join(delimiter) }
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}
