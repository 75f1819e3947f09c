import {
  formatBytes,
  formatCount,
  formatDuration,
  formatTable,
  printable,
  UsageError,
  type CliContext,
} from '@ops/internal-cli'
import type { ObjectStore } from '@ops/object-store'
import type { Command } from 'commander'
import { isBackupError } from '../backup-error.ts'
import { listBackups, type ListedBackup } from '../list-backups.ts'
import type { ListedRow, ListOutput } from '../json-output.ts'
import { manifestTotals } from '../manifest-totals.ts'
import { readManifest } from '../manifest.ts'
import { openFlaggedStore, withStoreFlags, type StoreFlags } from './options.ts'

interface Flags extends StoreFlags {
  of?: string
  json?: boolean
}

const CONCURRENCY = 8

export function addList(program: Command, context: CliContext): void {
  withStoreFlags(program.command('list').description('list the backups of a cluster, the oldest first'))
    .option('--of <database>', 'only backups of this database')
    .option('--json', 'print an array of backups as JSON')
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => list(flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup list --store file:///var/backups/postgres
  $ pg-backup list --of app --json`

async function list(flags: Flags, context: CliContext): Promise<void> {
  if (flags.of === '') throw new UsageError('--of is empty')
  await using store = await openFlaggedStore(flags, context)
  const backups = await listBackups({
    store,
    cluster: flags.cluster,
    database: flags.of,
    signal: context.signal,
  })
  const rows: ListedRow[] = []
  for (let at = 0; at < backups.length; at += CONCURRENCY) {
    rows.push(
      ...(await Promise.all(
        backups.slice(at, at + CONCURRENCY).map((backup) => describe(store, backup, context.signal)),
      )),
    )
  }
  if (flags.json === true) return context.printJson<ListOutput>(rows)
  if (rows.length === 0) {
    return context.say(
      `no backups of ${flags.of === undefined ? 'any database' : `"${flags.of}"`} in cluster "${flags.cluster}" in ${store.url}`,
    )
  }
  await context.print(`${table(rows)}\n`)
  for (const row of rows) if (row.problem !== undefined) context.say(printable(row.problem))
}

async function describe(store: ObjectStore, backup: ListedBackup, signal: AbortSignal): Promise<ListedRow> {
  try {
    return { ...backup, ...manifestTotals(await readManifest({ store, backup, signal })) }
  } catch (error) {
    if (!isBackupError(error) || error.code === 'BACKUP_STORE_FAILED') throw error
    return { ...backup, problem: error.message }
  }
}

function table(rows: readonly ListedRow[]): string {
  return formatTable(
    [
      { header: 'ID', isKept: true },
      { header: 'DATABASE' },
      { header: 'STARTED (UTC)' },
      { header: 'TOOK', align: 'right' },
      { header: 'ROWS', align: 'right' },
      { header: 'RAW', align: 'right' },
      { header: 'STORED', align: 'right' },
    ],
    rows.map((row) => [
      row.id,
      printable(row.database),
      row.startedAt.slice(0, 19).replace('T', ' '),
      row.durationMs === undefined ? 'unreadable' : formatDuration(row.durationMs),
      row.rows === undefined ? '' : formatCount(row.rows),
      row.rawBytes === undefined ? '' : formatBytes(row.rawBytes),
      row.storedBytes === undefined ? '' : formatBytes(row.storedBytes),
    ]),
  )
}
