import { ProgramError, startProgram } from '@ops/internal-subprocess'
import { BackupError } from './backup-error.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import type { ManifestObject } from './manifest.ts'
import { encodeObject, encodingContentType, encodingSuffix } from './object-encoding.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { toBackupError } from './store-failure.ts'
import type { DumpTarget } from './stored-dump.ts'

export interface GlobalsOptions {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly serverMajor: number
  /** Leave out password verifiers, which only a superuser may read. */
  readonly noRolePasswords: boolean
}

/** Stores the roles and tablespaces of the cluster as one object, `globals.sql…`. */
export async function storeGlobals(options: GlobalsOptions, target: DumpTarget): Promise<ManifestObject> {
  const { store, folder, encoding, signal } = target
  const name = `globals.sql${encodingSuffix(encoding)}`
  const key = `${folder}${name}`
  let rawBytes = 0
  const counted = async function* (): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of dumpGlobals(options, signal)) {
      rawBytes += piece.length
      yield piece
    }
  }
  try {
    const stored = await store.put(key, encodeObject(counted(), encoding), {
      contentType: encodingContentType(encoding),
      signal,
    })
    target.onStored(key)
    const { size, sha256, partSizeBytes } = stored
    return { name, role: 'globals', storedBytes: size, rawBytes, sha256, partSizeBytes }
  } catch (error) {
    throw toBackupError(error, { doing: `storing ${key}`, key, signal })
  }
}

async function* dumpGlobals(
  { connection, env: base, serverMajor, noRolePasswords }: GlobalsOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const env = connectionEnvironment(connection, base)
  const program = await findPostgresProgram('pg_dumpall', { env, signal, serverMajor })
  const pgDumpAll = startProgram(program.path, {
    args: [
      '--globals-only',
      '--no-password',
      '--encoding=UTF8',
      ...(noRolePasswords ? ['--no-role-passwords'] : []),
    ],
    env,
    signal,
  })
  pgDumpAll.stdin.end()
  try {
    for await (const piece of pgDumpAll.stdout) yield piece as Buffer
    await pgDumpAll.exited
  } catch (error) {
    throw globalsFailure(error, describeConnection(connection, base))
  } finally {
    await pgDumpAll.kill()
  }
}

function globalsFailure(error: unknown, from: string): unknown {
  if (!(error instanceof ProgramError)) return error
  const advice = error.stderrTail.includes('pg_authid')
    ? ' (only a superuser may read passwords: leave them out with noRolePasswords)'
    : ''
  return new BackupError(
    'BACKUP_DUMP_FAILED',
    `the roles and tablespaces of the cluster of ${from} could not be dumped: ${error.message}${advice}`,
    { cause: error },
  )
}
