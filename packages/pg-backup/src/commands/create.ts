import { formatBytes, formatCount, formatDuration, oneLine, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { createBackup, type BackupResult } from '../create-backup.ts'
import type { CreateProgress } from '../json-output.ts'
import type { Logger } from '../logger.ts'
import { manifestTotals } from '../manifest-totals.ts'
import { followBackups } from './create-progress.ts'
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

interface Flags extends StoreFlags, ConnectionFlags, FormatFlags, RunFlags, NotifyFlags, OutputFlags {}

export function addCreate(program: Command, context: CliContext): void {
  const command = program.command('create').description('back up one database; prints its id')
  withConnectionFlags(withStoreFlags(command), 'database to back up (default: PGDATABASE)')
  withOutputFlags(withNotifyFlags(withRunFlags(withFormatFlags(command))))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => create(flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup create --store file:///var/backups/postgres --dbname app
  $ pg-backup create --dbname app --quiet                  # in a crontab: one line, only on failure
  $ pg-backup create --dbname app --json | tail --lines=1    # the result, its manifest included
  $ pg-backup create --dbname app --webhook-url-file /etc/pg-backup/webhook --webhook-format slack`

async function create(flags: Flags, context: CliContext): Promise<void> {
  const { signal } = context
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput<CreateProgress, BackupResult>(flags, context)
  const progress = followBackups(store, output, signal)
  const result = await createBackup({
    ...runOptionsFromFlags(flags),
    ...(await formatFromFlags(flags, context)),
    store,
    connection: connectionFromFlags(flags, context),
    cluster: flags.cluster,
    env: context.env,
    logger: warningsOnly(context),
    signal,
    hooks: [progress.hooks, ...(await hooksFromFlags(flags, context))],
    onProgress: progress.show,
  })
  await output.done(result, summary(result), result.id)
  nextIsDrill(result, flags, context)
}

/** After a signal there is no error to name what could not be removed, so it is said as it happens. */
export function warningsOnly(context: CliContext): Logger {
  const ignore = (): void => undefined
  return {
    debug: ignore,
    info: ignore,
    warn: (fields, message) =>
      context.say(oneLine(`${'key' in fields ? String(fields.key) : 'pg-backup'}: ${message}`)),
    error: ignore,
  }
}

function summary({ database, store, manifestKey, manifest, durationMs }: BackupResult): string[] {
  const { tables, rows, rawBytes, storedBytes } = manifestTotals(manifest)
  return [
    `backed up "${database}": ${formatCount(tables)} tables, ${rows === undefined ? '' : `${formatCount(rows)} rows, `}` +
      `${formatBytes(rawBytes)} as ${formatBytes(storedBytes)}, in ${formatDuration(durationMs)}`,
    ...manifest.warnings.map((warning) => `  ${oneLine(warning)}`),
    `published ${store}/${manifestKey}`,
  ]
}
