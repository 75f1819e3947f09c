import { isProgramError } from '@ops/internal-subprocess'
import { isBackupError, restoreBackup, type RestoreBackupOptions, type RestoreResult } from '@ops/pg-backup'
import { RestoreVerifyError } from '../restore-verify-error.ts'
import type { Findings } from './check-run.ts'

/** What a target in trouble says; none of it is the backup's fault. */
const TARGET_TROUBLE =
  /No space left on device|could not extend file|ERROR: +out of (?:shared )?memory|server closed the connection|terminating connection|connection to server .* failed|could not connect to server|the database system is (?:in recovery|shutting down|starting up)|could not write/i

/** Errors of rows, which come of the backup whatever the target lacks. */
const OF_ROWS = /violates|duplicate key|invalid byte sequence|invalid input syntax|(?:missing|extra) data/

/**
 * Whether a statement failed that may need what was left out: the archive does not know of everything
 * (a function's body, the operator class of an exclusion constraint), so the backup is not blamed.
 */
function mayNeedLeftOut(problem: string): boolean {
  return problem.includes('ERROR:') && !OF_ROWS.test(problem)
}

/**
 * Does `pg_restore --exit-on-error` take the whole archive? Warnings are kept. A target that ran out of
 * room or went away rejects with `VERIFY_TARGET_FAILED`: that disproves nothing.
 */
export async function checkRestore(
  options: RestoreBackupOptions,
  keep: (result: RestoreResult) => void,
): Promise<Findings> {
  try {
    keep(await restoreBackup(options))
    return {}
  } catch (error) {
    const problem = problemOf(error)
    if (problem === undefined) throw error
    if (TARGET_TROUBLE.test(problem)) {
      throw new RestoreVerifyError(
        'VERIFY_TARGET_FAILED',
        `the drill's server failed, which says nothing about the backup: ${problem}`,
        { cause: error },
      )
    }
    if (options.listFile !== undefined && mayNeedLeftOut(problem)) {
      throw new RestoreVerifyError(
        'VERIFY_TARGET_LACKS',
        `the rest of the backup cannot be restored without the extensions that were left out, which says nothing about the backup: ${problem}`,
        { cause: error },
      )
    }
    const object = isBackupError(error) ? (error.details.key ?? 'the archive') : 'the archive'
    return { differences: [{ check: 'restore', object, problem }] }
  }
}

/** `undefined` for a failure that is not of the backup's content. */
function problemOf(error: unknown): string | undefined {
  if (!isBackupError(error)) return undefined
  if (error.code === 'BACKUP_OBJECT_DAMAGED') return error.message
  if (error.code !== 'BACKUP_RESTORE_FAILED' || !isProgramError(error.cause)) return undefined
  return error.cause.message
}
