import type { ObjectStore } from '@ops/object-store'
import { backupFolder, type BackupRef } from '@ops/pg-backup'
import { readStored } from './read-stored.ts'
import { parseRecord, parseReport, type DrillSummary, type VerificationRecord } from './report-schema.ts'
import type { VerificationReport } from './report.ts'
import { RestoreVerifyError } from './restore-verify-error.ts'

const RECORD_NAME = 'verification.json'
const REPORT_NAME = 'verification-report.json'
const KEPT_DRILLS = 20

/**
 * Leaves a drill's result beside the backup: the whole report, then the short record that retention
 * reads. A record that cannot be read is begun anew.
 */
export async function recordDrill(
  store: ObjectStore,
  report: VerificationReport,
  signal?: AbortSignal,
): Promise<void> {
  const { cluster, database, id, manifestSha256 } = report.backup
  const folder = backupFolder({ cluster, database, id })
  const before = await readRecord(store, { cluster, database, id }, signal)
  const drills = before?.manifestSha256 === manifestSha256 ? before.drills : []
  const record: VerificationRecord = {
    format: 'ops.verification/1',
    verdict: report.backupVerdict,
    backup: { cluster, database, id },
    manifestSha256,
    drills: [...drills, summaryOf(report)].slice(-KEPT_DRILLS),
  }
  await putJson(store, `${folder}${REPORT_NAME}`, report, signal)
  await putJson(store, `${folder}${RECORD_NAME}`, record, signal)
}

/**
 * The record of a backup's drills; `undefined` when there is none, or none that can be read.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup } from '@ops/pg-backup'
 * import { readRecord } from '@ops/restore-verify'
 *
 * const store = fileStore({ folder: '/backups' })
 * const backup = await findBackup({ store, database: 'app', id: 'latest' })
 * const record = await readRecord(store, backup)
 * console.log(record === undefined ? 'never drilled' : record.drills.length)
 * ```
 */
export async function readRecord(
  store: ObjectStore,
  backup: BackupRef,
  signal?: AbortSignal,
): Promise<VerificationRecord | undefined> {
  const text = await readStored(store, `${backupFolder(backup)}${RECORD_NAME}`, signal)
  const parsed = text === undefined ? undefined : parseRecord(text)
  return parsed !== undefined && 'value' in parsed ? parsed.value : undefined
}

/**
 * The whole report of a backup's last drill; `undefined` when there is none. Rejects with `VERIFY_RECORD_INVALID`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { findBackup } from '@ops/pg-backup'
 * import { readReport, renderMarkdown } from '@ops/restore-verify'
 *
 * const store = fileStore({ folder: '/backups' })
 * const report = await readReport(store, await findBackup({ store, database: 'app', id: 'latest' }))
 * if (report !== undefined) console.log(renderMarkdown(report))
 * ```
 */
export async function readReport(
  store: ObjectStore,
  backup: BackupRef,
  signal?: AbortSignal,
): Promise<VerificationReport | undefined> {
  const key = `${backupFolder(backup)}${REPORT_NAME}`
  const text = await readStored(store, key, signal)
  if (text === undefined) return undefined
  const parsed = parseReport(text)
  if ('value' in parsed) return parsed.value
  throw new RestoreVerifyError(
    'VERIFY_RECORD_INVALID',
    `the report ${store.url}/${key} cannot be read: ${parsed.problem}; drill the backup again`,
    { details: { key } },
  )
}

function summaryOf(report: VerificationReport): DrillSummary {
  const {
    startedAt,
    finishedAt,
    verdict,
    backupVerdict,
    differences,
    durationMs,
    recoveryMs,
    totals,
    target,
  } = report
  return {
    startedAt,
    finishedAt,
    verdict,
    backupVerdict,
    failedChecks: report.checks.filter((each) => each.result === 'fail').map((each) => each.check),
    differences: differences.length,
    durationMs,
    recoveryMs,
    rows: totals.rows,
    tables: totals.tables,
    target: target === null ? null : `${target.kind}, PostgreSQL ${target.serverVersion}`,
  }
}

async function putJson(
  store: ObjectStore,
  key: string,
  value: object,
  signal: AbortSignal | undefined,
): Promise<void> {
  await store.put(key, Buffer.from(`${JSON.stringify(value, null, 2)}\n`), {
    contentType: 'application/json',
    signal,
  })
}
