import { startBlockProgram, type BlockProgram } from '@ops/internal-subprocess'
import { createArchiveReader, type ArchiveContents, type ArchiveReader } from './archive/index.ts'
import { connectionEnvironment, type PgConnection } from './connection.ts'
import { explainDumpFailure } from './explain-dump-failure.ts'
import { createPace } from './pace.ts'
import type { PostgresProgram } from './postgres-program.ts'
import type { RateLimit } from './rate-limit.ts'
import type { ServerFacts } from './server-facts.ts'

export interface DumpOptions {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly program: PostgresProgram
  readonly server: Pick<ServerFacts, 'byteaOutput' | 'recoveryConflicts'>
  /** @default true */
  readonly digest?: boolean
  /** The encoding of the dump. @default the database's own */
  readonly encoding?: string
  /** No more bytes than that are read from `pg_dump`, and so from the server. */
  readonly rateLimit?: RateLimit
  /** How long `pg_dump` may wait for the lock on a table. @default as long as it may be silent */
  readonly lockTimeoutMs?: number
  /** How long `pg_dump` may be silent. @default 900000 */
  readonly stallTimeoutMs?: number
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

export const MAX_WARNINGS = 100

/** Starts `pg_dump -Fc -Z0` and reads its archive as it streams by. */
export function dumpDatabase(options: DumpOptions): RunningDump {
  const pace = createPace(options)
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
    pgDump = await startBlockProgram(options.program.path, {
      args: ['--format=custom', ...dumpArguments(options)],
      env: dumpEnvironment(options),
      signal: options.signal,
      onBytes: (bytes) => {
        pace.sawBytes()
        reader.write(bytes)
      },
      onStderrLine: (line) => {
        if (warnings.length < MAX_WARNINGS) warnings.push(line)
      },
    })
    pgDump.stdin.end()
    try {
      yield* pace.of(pgDump.blocks)
      await pgDump.exited
      contents = reader.end()
    } catch (error) {
      throw await explainDumpFailure(error, options)
    } finally {
      await pgDump.kill()
    }
  }
}

/** What every dump is asked for, whatever its format. */
export function dumpArguments({ encoding, lockTimeoutMs }: DumpOptions): string[] {
  return [
    '--compress=0',
    '--no-password',
    ...(encoding === undefined ? [] : [`--encoding=${encoding}`]),
    ...(lockTimeoutMs === undefined ? [] : [`--lock-wait-timeout=${lockTimeoutMs}`]),
  ]
}

/**
 * The same row gives the same bytes everywhere only if the time zone and the form of `bytea` are the
 * same everywhere; `pg_dump` itself sets the date style, the interval style and `extra_float_digits`,
 * and switches the time limits of statements, transactions and idle sessions off. The time zone goes
 * by its own variable, and the form of `bytea` only where it has to, because PgBouncer refuses
 * sessions with other settings.
 */
export function dumpEnvironment({ connection, env, server }: DumpOptions): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...connectionEnvironment(connection, env), PGTZ: 'UTC' }
  if (server.byteaOutput === 'hex') return environment
  const options = environment['PGOPTIONS']
  return { ...environment, PGOPTIONS: `${options ?? ''} -c bytea_output=hex`.trim() }
}
