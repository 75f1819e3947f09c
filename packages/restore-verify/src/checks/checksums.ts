import { checkBackup, isBackupError, type CheckBackupOptions } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'

/** Are the stored objects, all of them, the ones that the manifest describes? */
export async function checkChecksums(options: CheckBackupOptions): Promise<Findings> {
  try {
    await checkBackup(options)
    return {}
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'BACKUP_OBJECT_DAMAGED') throw error
    const object = error.details.key ?? options.manifest.id
    return { differences: [{ check: 'checksums', object, problem: error.message }] }
  }
}
