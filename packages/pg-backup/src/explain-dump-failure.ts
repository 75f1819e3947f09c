import { ProgramError } from '@ops/internal-subprocess'
import { isArchiveError } from './archive/index.ts'
import { BackupError, isBackupError } from './backup-error.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { describeLocks } from './describe-locks.ts'

export interface FailedDump {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly lockTimeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a failed `pg_dump` means, and what to do about it. The reason of an abort comes back as it is. */
export async function explainDumpFailure(error: unknown, dump: FailedDump): Promise<unknown> {
  if (dump.signal?.aborted === true) return dump.signal.reason
  const database = describeConnection(dump.connection, dump.env)
  if (isArchiveError(error)) {
    return new BackupError(
      'BACKUP_ARCHIVE_INVALID',
      `pg_dump of ${database} wrote an archive that cannot be read: ${error.message}`,
      { cause: error },
    )
  }
  if (isBackupError(error) && error.code === 'BACKUP_DUMP_STALLED') {
    const locks = await describeLocks(dump)
    return new BackupError(
      'BACKUP_DUMP_STALLED',
      `the dump of ${database} stalled: ${error.message}; ` +
        (locks ?? 'check the network and the server, or allow for more silence (--stall-timeout)'),
    )
  }
  if (!(error instanceof ProgramError)) return error
  if (error.stderrTail.includes('statement timeout') && dump.lockTimeoutMs !== undefined) {
    const locks = await describeLocks(dump)
    return new BackupError(
      'BACKUP_LOCK_TIMEOUT',
      `the dump of ${database} waited ${dump.lockTimeoutMs / 1000} s for a lock on a table${tableOf(error)}: ` +
        `${locks ?? 'it is free now, so try again'}; wait longer with --lock-timeout`,
      { cause: error },
    )
  }
  if (error.stderrTail.includes('conflict with recovery')) {
    return new BackupError(
      'BACKUP_REPLICA_CONFLICT',
      `the dump of ${database} was cancelled by the replica, because it stood in the way of replaying WAL: ${error.message}; ` +
        'try again (--attempts), set hot_standby_feedback = on at the replica, or raise its max_standby_streaming_delay above the time that a dump takes',
      { cause: error },
    )
  }
  return new BackupError('BACKUP_DUMP_FAILED', `the dump of ${database} failed: ${error.message}`, {
    cause: error,
  })
}

/** The table of `LOCK TABLE public.orders IN ACCESS SHARE MODE`, where there is only one in the statement. */
function tableOf({ stderrTail }: ProgramError): string {
  const [, table] = /LOCK TABLE ([^,;]+) IN ACCESS SHARE MODE/.exec(stderrTail) ?? []
  return table === undefined ? '' : ` (${table})`
}
