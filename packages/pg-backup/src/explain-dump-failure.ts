import { setTimeout as sleep } from 'node:timers/promises'
import { ProgramError } from '@ops/internal-subprocess'
import { isArchiveError } from './archive/index.ts'
import { BackupError, isBackupError } from './backup-error.ts'
import { describeConnection, type PgConnection } from './connection.ts'
import { describeLocks } from './describe-locks.ts'
import { readRecoveryConflicts, type ServerFacts } from './server-facts.ts'

export interface FailedDump {
  readonly connection: PgConnection
  readonly env?: NodeJS.ProcessEnv
  readonly lockTimeoutMs?: number
  /** What the server said before the dump began. */
  readonly server: Pick<ServerFacts, 'recoveryConflicts'>
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
  const locks = await locksBehind(error, dump)
  if (locks !== undefined && dump.lockTimeoutMs !== undefined) {
    return new BackupError(
      'BACKUP_LOCK_TIMEOUT',
      `the dump of ${database} waited ${dump.lockTimeoutMs / 1000} s for a lock on a table${tableOf(error)}: ` +
        `${locks}; wait longer with --lock-timeout`,
      { cause: error },
    )
  }
  if (await wasRecoveryConflict(error, dump)) {
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

/**
 * Who keeps a dump that has a lock timeout from a table that it wanted to lock; `undefined` when that
 * was not why it failed. `pg_dump` prints no SQLSTATE, and the server's message is in the server's
 * language, so the statement that failed tells, and the lock that is still there.
 */
async function locksBehind(error: ProgramError, dump: FailedDump): Promise<string | undefined> {
  if (dump.lockTimeoutMs === undefined || !LOCK_STATEMENT.test(error.stderrTail)) return undefined
  const locks = await describeLocks(dump)
  if (locks !== undefined) return locks
  return error.stderrTail.includes('statement timeout') ? 'it is free now, so try again' : undefined
}

const CONFLICT_LOOKS = 5
const CONFLICT_PAUSE_MS = 200

/** By the server's own count, because its message is in a language of its choice. */
async function wasRecoveryConflict({ stderrTail }: ProgramError, dump: FailedDump): Promise<boolean> {
  const { recoveryConflicts: before } = dump.server
  if (stderrTail.includes('conflict with recovery')) return true
  if (before === undefined) return false
  // The process that was cancelled counts it when it ends.
  for (let look = 1; ; look++) {
    const now = await readRecoveryConflicts(dump).catch(() => undefined)
    if (now === undefined || now > before) return now !== undefined
    if (look === CONFLICT_LOOKS) return false
    await sleep(CONFLICT_PAUSE_MS, undefined, { signal: dump.signal }).catch(() => undefined)
  }
}

const LOCK_STATEMENT = /LOCK TABLE (.+?) IN ACCESS SHARE MODE/s

/** The table of `LOCK TABLE public.orders IN ACCESS SHARE MODE`, where there is only one in the statement. */
function tableOf({ stderrTail }: ProgramError): string {
  const [, table = ''] = LOCK_STATEMENT.exec(stderrTail) ?? []
  return table === '' || table.includes(',') ? '' : ` (${table})`
}
