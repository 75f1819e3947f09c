import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileStore, type ObjectStore } from '@ops/object-store'
import type { PgConnection } from '@ops/pg-backup'
import type { Postgres } from '@ops/testbed'

export interface TemporaryStore extends AsyncDisposable {
  readonly folder: string
  readonly store: ObjectStore
}

export async function temporaryStore(): Promise<TemporaryStore> {
  const folder = await mkdtemp(join(tmpdir(), 'restore-verify-test-'))
  return {
    folder,
    store: fileStore({ folder }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export function connectionTo(
  { host, port, user, password }: Postgres,
  database: string,
): PgConnection & { database: string } {
  return { host, port, user, password, database }
}

/** Runs a file by psql, a statement at a time. */
export async function runFile(server: Postgres, database: string, file: string): Promise<void> {
  await promisify(execFile)('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--file=${file}`], {
    env: { ...process.env, ...server.env(database) },
  })
}

export async function databases(server: Postgres): Promise<string[]> {
  const rows = await server.query('SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')
  return rows.map((row) => String(row['datname']))
}
