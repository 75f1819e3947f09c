import {
  createProgressLine,
  formatBytes,
  formatCount,
  formatDuration,
  type CliContext,
} from '@ops/internal-cli'
import type { Command } from 'commander'
import { createBackup, type BackupProgress, type BackupResult } from '../create-backup.ts'
import type { Logger } from '../logger.ts'
import { formatFromFlags, withFormatFlags, type FormatFlags } from './format-options.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  withStoreFlags,
  type ConnectionFlags,
  type StoreFlags,
} from './options.ts'
import { runOptionsFromFlags, withRunFlags, type RunFlags } from './run-options.ts'

interface Flags extends StoreFlags, ConnectionFlags, FormatFlags, RunFlags {
  json?: boolean
  quiet?: boolean
}

export function addCreate(program: Command, context: CliContext): void {
  const command = program.command('create').description('back up one database; prints its id')
  const withTarget = withConnectionFlags(withStoreFlags(command), 'database to back up (default: PGDATABASE)')
  withRunFlags(withFormatFlags(withTarget))
    .option('--quiet', 'no progress and no summary; for cron')
    .option('--json', 'print the result, manifest included, as JSON')
    .action((flags: Flags) => create(flags, context))
}

async function create(flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const line = createProgressLine()
  const begun = performance.now()
  try {
    const result = await createBackup({
      ...runOptionsFromFlags(flags),
      store,
      connection: connectionFromFlags(flags, context),
      cluster: flags.cluster,
      ...(await formatFromFlags(flags, context)),
      env: context.env,
      logger: warningsOnly(context),
      signal: context.signal,
      onProgress: (progress) => {
        if (flags.quiet !== true) line.update(describeProgress(progress, performance.now() - begun))
      },
    })
    line.clear()
    if (flags.quiet !== true) for (const each of summary(result)) context.say(each)
    if (flags.json === true) await context.printJson(result)
    else await context.print(`${result.id}\n`)
  } finally {
    line.clear()
  }
}

/** After a signal there is no error to name what could not be removed, so it is said as it happens. */
export function warningsOnly(context: CliContext): Logger {
  const ignore = (): void => undefined
  return {
    debug: ignore,
    info: ignore,
    warn: (fields, message) =>
      context.say(`${'key' in fields ? String(fields.key) : 'pg-backup'}: ${message}`),
    error: ignore,
  }
}

export function describeProgress(progress: BackupProgress, elapsedMs: number): string {
  if (progress.phase === 'connect') return 'connecting'
  if (progress.phase === 'wait')
    return `waiting for the backup by process ${progress.holder.pid} on ${progress.holder.host}`
  if (progress.phase === 'retry')
    return `attempt ${progress.attempt} of ${progress.attempts} failed, the next follows`
  if (progress.phase === 'publish') return `publishing ${formatBytes(progress.storedBytes)}`
  const { rawBytes, storedBytes, rows, tablesDone, tablesTotal, table } = progress
  return [
    `tables ${tablesDone}${tablesTotal === undefined ? '' : `/${tablesTotal}`}`,
    `${formatCount(rows)} rows`,
    `${formatBytes(rawBytes)} read`,
    `${formatBytes(storedBytes)} stored`,
    `${formatBytes((rawBytes / Math.max(elapsedMs, 1)) * 1000)}/s`,
    formatDuration(elapsedMs),
    ...(table === undefined ? [] : [`${table.schema}.${table.name}`]),
  ].join('  ')
}

function summary(result: BackupResult): string[] {
  const { manifest } = result
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
  const sum = (bytes: 'rawBytes' | 'storedBytes'): number =>
    manifest.objects.reduce((total, object) => total + object[bytes], 0)
  return [
    `backed up "${result.database}": ${formatCount(manifest.tables.length)} tables, ${formatCount(rows)} rows, ` +
      `${formatBytes(sum('rawBytes'))} as ${formatBytes(sum('storedBytes'))}, in ${formatDuration(result.durationMs)}`,
    ...manifest.warnings.map((warning) => `  ${warning}`),
    `published ${result.store}/${result.manifestKey}`,
  ]
}
