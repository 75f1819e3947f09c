import { formatCount } from '@ops/internal-cli'
import type { VerificationReport } from './report.ts'

/** The verdict in words, which never say more than was looked at. */
export function verdictSentence({
  verdict,
  backupVerdict,
  totals,
  checks,
  differences,
}: VerificationReport): string {
  if (verdict === 'disproven') {
    if (backupVerdict === 'proven')
      return 'The content came back as it was dumped, but not in time: the backup is too old, or restoring it took too long.'
    const found = `${formatCount(differences.length)} ${differences.length === 1 ? 'thing is' : 'things are'}`
    return `${found} not as the backup's manifest says. Do not rely on this backup.`
  }
  const made = (check: string): boolean =>
    checks.some((each) => each.check === check && each.result === 'pass')
  const parts = [
    ...(made('schema') ? [`${formatCount(totals.schemaObjects)} schema objects`] : []),
    ...(made('sequences') ? [`${formatCount(totals.sequences)} sequences`] : []),
    ...(made('large-objects') ? [`${formatCount(totals.largeObjects)} large objects`] : []),
  ]
  const rows = made('rows')
    ? `Every one of ${formatCount(totals.rows)} rows in ${formatCount(totals.tables)} tables came back, byte for byte`
    : 'The backup restores without errors; its rows were not compared'
  return parts.length === 0
    ? `${rows}.`
    : `${rows}${made('rows') ? ', with ' : '. Compared: '}${parts.join(', ')}.`
}
