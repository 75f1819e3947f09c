import type { CliContext } from '@ops/internal-cli'
import { findBackup } from '@ops/pg-backup'
import type { Command } from 'commander'
import { readReport } from '../record.ts'
import { renderMarkdown } from '../render-markdown.ts'
import type { VerificationReport } from '../report.ts'
import { RestoreVerifyError } from '../restore-verify-error.ts'
import { openFlaggedStore, withStoreFlags, type StoreFlags } from './options.ts'
import { withReportFlags, writeReport, type ReportFlags } from './write-report.ts'

interface Flags extends StoreFlags, ReportFlags {
  id: string
  json?: boolean
}

export function addReport(program: Command, context: CliContext): void {
  const command = withStoreFlags(
    program.command('report').description("show the report of a backup's last drill"),
  )
  withReportFlags(command)
    .option('--id <id>', 'the backup: an id, or `latest`', 'latest')
    .option('--json', 'print the report as JSON instead of Markdown')
    .addHelpText(
      'after',
      '\nExamples:\n  $ restore-verify report --of app --store file:///var/backups/postgres --html drill.html\n  $ restore-verify report --of app --id 20261121T020000Z-4fk2q9 --json',
    )
    .action((flags: Flags) => showReport(flags, context))
}

async function showReport(flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const { cluster, of: database, id } = flags
  const { signal } = context
  const backup = await findBackup({ store, cluster, database, id, signal })
  const report = await readReport(store, backup, signal)
  if (report === undefined) {
    throw new RestoreVerifyError(
      'VERIFY_NO_REPORT',
      `backup ${backup.id} of "${database}" was never drilled: restore-verify run --of ${database} --id ${backup.id}`,
    )
  }
  const written = await writeReport(report, flags)
  for (const file of written) context.say(`report written to ${file}`)
  if (flags.json === true) await context.printJson<VerificationReport>(report)
  else if (written.length === 0) await context.print(renderMarkdown(report))
}
