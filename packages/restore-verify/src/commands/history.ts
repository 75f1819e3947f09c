import { formatCount, formatDuration, formatTable, tableWidth, type CliContext } from '@ops/internal-cli'
import { listBackups } from '@ops/pg-backup'
import type { Command } from 'commander'
import type { DrilledBackup, HistoryOutput } from '../json-output.ts'
import { readRecord } from '../record.ts'
import { openFlaggedStore, withStoreFlags, type StoreFlags } from './options.ts'

export function addHistory(program: Command, context: CliContext): void {
  withStoreFlags(
    program.command('history').description('say which backups were drilled, when, and what came of it'),
  )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ restore-verify history --of app --store file:///var/backups/postgres',
    )
    .action((flags: StoreFlags & { json?: boolean }) => history(flags, context))
}

async function history(flags: StoreFlags & { json?: boolean }, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const { cluster, of: database } = flags
  const backups = await listBackups({ store, cluster, database, signal: context.signal })
  const drilled: DrilledBackup[] = []
  for (const backup of backups) {
    const record = await readRecord(store, backup, context.signal)
    drilled.push({ ...backup, verdict: record?.verdict ?? null, drills: record?.drills ?? [] })
  }
  if (flags.json === true) return context.printJson<HistoryOutput>(drilled)
  const rows = drilled.flatMap(({ id, drills }) =>
    drills.length === 0
      ? [[id, '', 'never drilled', '', '', '', '']]
      : drills.map((drill) => [
          id,
          drill.finishedAt.slice(0, 19).replace('T', ' '),
          drill.verdict,
          drill.recoveryMs === null ? '' : formatDuration(drill.recoveryMs),
          formatDuration(drill.durationMs),
          formatCount(drill.rows),
          drill.failedChecks.join(', '),
        ]),
  )
  await context.print(
    `${formatTable(
      [
        { header: 'BACKUP', isKept: true },
        { header: 'DRILLED (UTC)' },
        { header: 'VERDICT' },
        { header: 'RECOVERY', align: 'right' },
        { header: 'DRILL', align: 'right' },
        { header: 'ROWS', align: 'right' },
        { header: 'FAILED' },
      ],
      rows,
      tableWidth(120),
    )}\n`,
  )
}
