import { errorMessage } from '@ops/internal-error'
import type { BackupRef } from '@ops/pg-backup'
import type { VerificationReport } from './report.ts'
import { selectBackups, type Which } from './select-backups.ts'
import { verifyRestore, type VerifyRestoreOptions } from './verify-restore.ts'

/** Options of {@link verifyBackups}. */
export interface VerifyBackupsOptions extends Omit<VerifyRestoreOptions, 'id'> {
  /** @default 'latest' */
  readonly which?: Which
  /** Called when a drill begins. */
  readonly onBackup?: (backup: BackupRef, index: number, of: number) => void
}

/** What came of one of several drills. */
export type DrillResult =
  | { readonly backup: BackupRef; readonly report: VerificationReport }
  /** It could not be run. */
  | { readonly backup: BackupRef; readonly error: { readonly code?: string; readonly message: string } }

/**
 * Drills several backups, one after the other. One that could not be drilled does not keep the others
 * from it: it stands in the result. Rejects when the backups cannot be listed, or when aborted.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { verifyBackups } from '@ops/restore-verify'
 *
 * const results = await verifyBackups({
 *   store: fileStore({ folder: '/backups' }),
 *   database: 'app',
 *   which: { everyDays: 7, seed: 'production' },
 *   onBackup: ({ id }, index, of) => console.log(`drill ${index + 1} of ${of}: ${id}`),
 * })
 * console.log(results.length)
 * ```
 */
export async function verifyBackups(options: VerifyBackupsOptions): Promise<DrillResult[]> {
  const { which = 'latest', onBackup, ...each } = options
  const { store, cluster, database, signal } = options
  const backups = await selectBackups({ store, cluster, database, which, signal })
  const results: DrillResult[] = []
  for (const [index, { id, ...of }] of backups.entries()) {
    const backup = { cluster: of.cluster, database, id }
    onBackup?.(backup, index, backups.length)
    try {
      results.push({ backup, report: await verifyRestore({ ...each, id }) })
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      const { code } = error as { code?: unknown }
      const message = errorMessage(error)
      results.push({ backup, error: typeof code === 'string' ? { code, message } : { message } })
    }
  }
  return results
}
