import type { ArchiveContents } from './archive/index.ts'
import { connectionEnvironment, type PgConnection } from './connection.ts'
import { dumpDatabase } from './dump-database.ts'
import { findPostgresProgram } from './postgres-program.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'

/** Options of {@link digestDatabase}. */
export interface DigestDatabaseOptions {
  /** Where the server is, and who logs in. */
  readonly connection: PgConnection
  /** The encoding that the compared backup was dumped in. @default the database's own */
  readonly encoding?: string
  /** The `pg_dump` to use is of this major version or newer: the one that made the compared backup. @default the server's */
  readonly pgDumpMajor?: number
  /** Told how far it is. */
  readonly onProgress?: (progress: {
    readonly phase: 'digest'
    readonly bytes: number
    readonly rows: number
    readonly tablesDone: number
    readonly tablesTotal?: number
  }) => void
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Dumps a database into nothing and digests it exactly as `createBackup` does, so that the two can be
 * compared. Rejects as `createBackup` does.
 *
 * @example
 * ```ts
 * import { digestDatabase } from '@ops/pg-backup'
 *
 * const { contents } = await digestDatabase({ connection: { host: 'replica.example.com', database: 'app' } })
 * for (const { schema, name, rows, digest } of contents.tables) console.log(`${schema}.${name}`, rows, digest)
 * ```
 */
export async function digestDatabase(
  options: DigestDatabaseOptions,
): Promise<{ contents: ArchiveContents; server: ServerFacts; pgDump: string }> {
  const { connection, env, encoding, signal } = options
  const server = await readServerFacts({ connection, env, signal })
  const serverMajor = Math.max(server.major, options.pgDumpMajor ?? 0)
  const program = await findPostgresProgram('pg_dump', {
    env: connectionEnvironment(connection, env),
    signal,
    serverMajor,
  })
  const dump = dumpDatabase({ connection, env, program, server, encoding, signal })
  for await (const _chunk of dump.bytes) options.onProgress?.({ phase: 'digest', ...dump.progress })
  return { contents: dump.contents(), server, pgDump: program.version }
}
