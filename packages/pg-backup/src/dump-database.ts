import { ProgramError, startBlockProgram, type BlockProgram } from '@ops/internal-subprocess'
import {
  createArchiveReader,
  isArchiveError,
  type ArchiveContents,
  type ArchiveReader,
} from './archive/index.ts'
import { BackupError } from './backup-error.ts'
import { connectionEnvironment, describeConnection, type PgConnection } from './connection.ts'
import type { PostgresProgram } from './postgres-program.ts'

export interface DumpOptions {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly program: PostgresProgram
  /** @default true */
  readonly digest?: boolean
  /** The encoding of the dump. @default the database's own */
  readonly encoding?: string
  readonly signal?: AbortSignal
}

export interface RunningDump {
  /** The archive's bytes; each piece is valid until the next is asked for. Ends only after `pg_dump` ended with code 0 and the archive was read to its end; fails otherwise. */
  readonly bytes: AsyncIterable<Buffer>
  readonly progress: ArchiveReader['progress']
  /** What `pg_dump` said on stderr so far, a line each. */
  readonly warnings: readonly string[]
  /** What was in the archive; only after `bytes` has ended. */
  contents(): ArchiveContents
  /** Ends `pg_dump`, also one that is silent because it waits for a lock; resolves when it is gone. */
  stop(): Promise<void>
}

/**
 * The same row gives the same bytes everywhere only if these are the same everywhere; `pg_dump`
 * itself sets the date style, the interval style and `extra_float_digits`.
 */
const STABLE_OUTPUT = '-c timezone=UTC -c bytea_output=hex'

const MAX_WARNINGS = 100

/** Starts `pg_dump -Fc -Z0` and reads its archive as it streams by. */
export function dumpDatabase(options: DumpOptions): RunningDump {
  const reader = createArchiveReader({ digest: options.digest ?? true })
  const warnings: string[] = []
  let contents: ArchiveContents | undefined
  let pgDump: BlockProgram | undefined
  return {
    bytes: run(),
    get progress() {
      return reader.progress
    },
    warnings,
    contents() {
      if (contents === undefined) throw new TypeError('the dump has not been read to its end')
      return contents
    },
    async stop() {
      await pgDump?.kill()
    },
  }

  async function* run(): AsyncGenerator<Buffer, void, undefined> {
    const env = connectionEnvironment(options.connection, options.env)
    pgDump = await startBlockProgram(options.program.path, {
      args: [
        '--format=custom',
        '--compress=0',
        '--no-password',
        ...(options.encoding === undefined ? [] : [`--encoding=${options.encoding}`]),
      ],
      env: { ...env, PGOPTIONS: `${env['PGOPTIONS'] ?? ''} ${STABLE_OUTPUT}`.trim() },
      signal: options.signal,
      onBytes: (bytes) => reader.write(bytes),
      onStderrLine: (line) => {
        if (warnings.length < MAX_WARNINGS) warnings.push(line)
      },
    })
    pgDump.stdin.end()
    try {
      yield* pgDump.blocks
      await pgDump.exited
      contents = reader.end()
    } catch (error) {
      throw dumpFailure(error, options)
    } finally {
      await pgDump.kill()
    }
  }
}

function dumpFailure(error: unknown, { connection, env, signal }: DumpOptions): unknown {
  if (signal?.aborted === true) return signal.reason
  const database = describeConnection(connection, env)
  if (error instanceof ProgramError) {
    return new BackupError('BACKUP_DUMP_FAILED', `the dump of ${database} failed: ${error.message}`, {
      cause: error,
    })
  }
  if (isArchiveError(error)) {
    return new BackupError(
      'BACKUP_ARCHIVE_INVALID',
      `pg_dump of ${database} wrote an archive that cannot be read: ${error.message}`,
      { cause: error },
    )
  }
  return error
}
