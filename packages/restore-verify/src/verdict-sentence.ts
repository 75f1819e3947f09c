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
  const parts = (
    [
      ['schema', totals.schemaObjects, 'schema object'],
      ['sequences', totals.sequences, 'sequence'],
      ['large-objects', totals.largeObjects, 'large object'],
    ] as const
  )
    .filter(([check, count]) => made(check) && count > 0)
    .map(([, count, one]) => counted(count, one))
  const rows = made('rows')
    ? `Every one of ${counted(totals.rows, 'row')} in ${counted(totals.tables, 'table')} came back, byte for byte`
    : 'The backup restores without errors; its rows were not compared'
  if (parts.length === 0) return `${rows}.`
  const [last, ...before] = parts.toReversed()
  const all = before.length === 0 ? last : `${before.toReversed().join(', ')} and ${last}`
  return `${rows}${made('rows') ? ', with ' : '. Compared: '}${all}.`
}

function counted(count: number, one: string): string {
  return `${formatCount(count)} ${count === 1 ? one : `${one}s`}`
}
