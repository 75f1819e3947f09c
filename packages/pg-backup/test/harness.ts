import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { fileStore, type ObjectStore } from '@ops/object-store'
import type { Postgres } from '@ops/testbed'
import type { PgConnection } from '../src/connection.ts'

/** The files shared between this project and its tests, beside the checkout; absent in an ordinary clone. */
const SHARED: string = resolve(import.meta.dirname, '../../../../shared')
export const CHINOOK: string = join(SHARED, 'data/chinook/chinook.sql')
export const hasChinook: boolean = existsSync(CHINOOK)

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'pg-backup-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface TemporaryStore extends AsyncDisposable {
  readonly folder: string
  readonly store: ObjectStore
  /** Every file in the folder, temporary ones too; without those of leases. */
  files(): Promise<string[]>
}

export async function temporaryStore(): Promise<TemporaryStore> {
  const folder = await temporaryFolder()
  return {
    folder: folder.path,
    store: fileStore({ folder: folder.path }),
    files: async () => {
      const entries = await readdir(folder.path, { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => !path.startsWith(join(folder.path, 'main/lease/')))
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

export function connectionTo(
  { host, port, user, password }: Postgres,
  database: string,
): PgConnection & { database: string } {
  return { host, port, user, password, database }
}

/** Runs a psql script as a person would, `\connect` and COPY data included. */
export async function runScript(server: Postgres, database: string, file: string): Promise<void> {
  await promisify(execFile)(
    'psql',
    ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--dbname=${database}`, `--file=${file}`],
    {
      env: { ...process.env, ...server.env(database) },
      maxBuffer: 64 * 1024 * 1024,
    },
  )
}

export async function shell(command: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], {
    env: { ...process.env, ...env },
  })
  return stdout
}
