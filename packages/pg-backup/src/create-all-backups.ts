import { errorMessage } from '@ops/internal-error'
import { BackupError, isBackupError, type BackupErrorCode, type BackupErrorDetails } from './backup-error.ts'
import {
  createPacedBackup,
  rateLimitOf,
  type BackupProgress,
  type BackupResult,
  type CreateBackupOptions,
} from './create-backup.ts'
import { withFailureHook } from './hooks.ts'
import { listDatabases } from './list-databases.ts'

/** Options of {@link createAllBackups}. */
export interface CreateAllBackupsOptions extends Omit<CreateBackupOptions, 'onProgress'> {
  /** Only databases that match one of these patterns, which are those of `pg_dump`. @default all */
  readonly include?: readonly string[]
  /** No databases that match one of these, whatever `include` says. */
  readonly exclude?: readonly string[]
  /** Databases that are backed up at a time; `rateLimitBytesPerSecond` is for all together. @default 1 */
  readonly concurrency?: number
  /** Other options for some databases. */
  readonly perDatabase?: (database: string) => Partial<DatabaseOptions>
  /** Told how far the backup of each database is. */
  readonly onProgress?: (progress: BackupProgress & { readonly database: string }) => void
}

/** What can be chosen for each database. */
export type DatabaseOptions = Omit<
  CreateBackupOptions,
  'store' | 'connection' | 'cluster' | 'env' | 'signal' | 'onProgress' | 'rateLimitBytesPerSecond'
>

/** How it went with one database. */
export type DatabaseOutcome =
  | { readonly database: string; readonly status: 'done'; readonly backup: BackupResult }
  | {
      readonly database: string
      readonly status: 'failed'
      readonly error: {
        /** Absent only for a failure that nobody foresaw. */
        readonly code?: BackupErrorCode
        readonly message: string
        readonly details?: BackupErrorDetails
      }
    }

/** What became of every database of a server. */
export interface CreateAllBackupsResult {
  readonly cluster: string
  readonly store: string
  readonly durationMs: number
  readonly succeeded: number
  readonly failed: number
  /** In the order of their names. */
  readonly databases: readonly DatabaseOutcome[]
}

/**
 * Backs up every database of a server that is no template and takes connections, each as
 * `createBackup` does and into a set of its own, a few at a time. One that fails does not stop the
 * others: look at `failed`. The hooks hear of each database, and of the list when that fails.
 *
 * Rejects with `BACKUP_BAD_OPTIONS`, with `BACKUP_CONNECT_FAILED` when the databases cannot be
 * listed, with `BACKUP_NO_DATABASE` when there is none or a pattern matches none, and with
 * `signal.reason`, after the backups under way have cleaned up.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { createAllBackups } from '@ops/pg-backup'
 *
 * const { succeeded, failed } = await createAllBackups({
 *   connection: { host: 'db.example.com', user: 'backup' },
 *   store: fileStore({ folder: '/backups' }),
 *   exclude: ['*_test'],
 *   concurrency: 2,
 * })
 * console.log(`${succeeded} backed up, ${failed} failed`)
 * ```
 */
export async function createAllBackups(options: CreateAllBackupsOptions): Promise<CreateAllBackupsResult> {
  const { include, exclude, concurrency = 1, perDatabase, onProgress, ...common } = options
  const { store, connection = {}, cluster = 'main', signal, env, now = () => new Date() } = common
  signal?.throwIfAborted()
  if (!(Number.isInteger(concurrency) && concurrency >= 1))
    throw new BackupError('BACKUP_BAD_OPTIONS', `concurrency is ${concurrency}; it must be 1 or more`)
  const startedAt = now()
  const names = await withFailureHook(common, () =>
    listDatabases({ connection, env, signal, include, exclude }),
  )
  const rateLimit = rateLimitOf(common)

  const backUp = async (database: string): Promise<DatabaseOutcome> => {
    try {
      const backup = await createPacedBackup(
        {
          ...common,
          ...perDatabase?.(database),
          connection: { ...connection, database },
          onProgress: (progress) => onProgress?.({ ...progress, database }),
        },
        rateLimit,
      )
      return { database, status: 'done', backup }
    } catch (error) {
      common.logger?.error({ cluster, database, reason: errorMessage(error) }, 'the backup failed')
      if (!isBackupError(error))
        return { database, status: 'failed', error: { message: errorMessage(error) } }
      const { code, message, details } = error
      return { database, status: 'failed', error: { code, message, details } }
    }
  }
  const databases: DatabaseOutcome[] = []
  const rest = [...names.entries()]
  const work = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      databases[next[0]] = await backUp(next[1])
      signal?.throwIfAborted()
    }
  }
  await Promise.allSettled(Array.from({ length: concurrency }, work))
  signal?.throwIfAborted()
  const failed = databases.filter(({ status }) => status === 'failed').length
  return {
    cluster,
    store: store.url,
    durationMs: now().getTime() - startedAt.getTime(),
    succeeded: databases.length - failed,
    failed,
    databases,
  }
}
