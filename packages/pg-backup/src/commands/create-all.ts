import {
  EXIT,
  formatBytes,
  formatDuration,
  formatTable,
  oneLine,
  parseInteger,
  printable,
  type CliContext,
} from '@ops/internal-cli'
import type { Command } from 'commander'
import { createAllBackups, type CreateAllBackupsResult, type DatabaseOutcome } from '../create-all-backups.ts'
import type { CreateProgress } from '../json-output.ts'
import { manifestTotals } from '../manifest-totals.ts'
import { followBackups } from './create-progress.ts'
import { warningsOnly } from './create.ts'
import { formatFromFlags, withFormatFlags, type FormatFlags } from './format-options.ts'
import { nextIsDrill } from './next-drill.ts'
import { hooksFromFlags, withNotifyFlags, type NotifyFlags } from './notify.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  withStoreFlags,
  type ConnectionFlags,
  type StoreFlags,
} from './options.ts'
import { createOutput, withOutputFlags, type OutputFlags } from './output.ts'
import { runOptionsFromFlags, withRunFlags, type RunFlags } from './run-options.ts'

interface Flags extends StoreFlags, ConnectionFlags, FormatFlags, RunFlags, NotifyFlags, OutputFlags {
  include?: string[]
  exclude?: string[]
  concurrency: number
}

export function addCreateAll(program: Command, context: CliContext): void {
  const command = program
    .command('create-all')
    .description('back up every database of a server; exits with 1 when one of them failed')
  withConnectionFlags(
    withStoreFlags(command),
    'database to connect to for the list (default: PGDATABASE or postgres)',
  )
    .option('--include <pattern...>', 'only databases that match a pattern, as in pg_dump: app_*, "Shop"')
    .option('--exclude <pattern...>', 'no databases that match a pattern')
    .option('--concurrency <n>', 'databases at a time', parseInteger(1), 1)
  withOutputFlags(withNotifyFlags(withRunFlags(withFormatFlags(command))))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => createAll(flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup create-all --store file:///var/backups/postgres
  $ pg-backup create-all --exclude 'test_*' --concurrency 2 --quiet   # a line for each that failed
  $ pg-backup create-all --json | tail --lines=1                      # what became of each`

async function createAll(flags: Flags, context: CliContext): Promise<void> {
  const { signal } = context
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput<CreateProgress, CreateAllBackupsResult>(flags, context)
  const progress = followBackups(store, output, signal)
  const result = await createAllBackups({
    ...runOptionsFromFlags(flags),
    ...(await formatFromFlags(flags, context)),
    store,
    connection: connectionFromFlags(flags, context),
    cluster: flags.cluster,
    include: flags.include,
    exclude: flags.exclude,
    concurrency: flags.concurrency,
    env: context.env,
    logger: warningsOnly(context),
    signal,
    hooks: [progress.hooks, ...(await hooksFromFlags(flags, context))],
    onProgress: progress.show,
  })
  const { databases, succeeded, failed, durationMs } = result
  const summary = `${succeeded} of ${databases.length} databases backed up to ${result.store} in ${formatDuration(durationMs)}`
  await output.done(result, [summary], table(databases))
  for (const each of databases) if (each.status === 'failed') context.say(failure(each.database, each.error))
  if (failed > 0) context.exitWith(EXIT.failed)
  const done = databases.find((each) => each.status === 'done')
  if (done !== undefined) nextIsDrill(done.backup, flags, context)
}

function failure(database: string, { code, message }: { code?: string; message: string }): string {
  return oneLine(`pg-backup: "${database}": ${message}${code === undefined ? '' : ` [${code}]`}`)
}

function table(outcomes: readonly DatabaseOutcome[]): string {
  return formatTable(
    [
      { header: 'DATABASE' },
      { header: 'BACKUP' },
      { header: 'STORED', align: 'right' },
      { header: 'TOOK', align: 'right' },
    ],
    outcomes.map((each) => {
      if (each.status === 'failed')
        return [printable(each.database), `failed: ${each.error.code ?? 'unknown'}`, '', '']
      const { id, manifest, durationMs } = each.backup
      return [
        printable(each.database),
        id,
        formatBytes(manifestTotals(manifest).storedBytes),
        formatDuration(durationMs),
      ]
    }),
  )
}
