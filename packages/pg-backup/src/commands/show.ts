import type { CliContext } from '@ops/internal-cli'
import { formatBytes, formatCount, formatTable, printable, tableWidth } from '@ops/internal-cli'
import type { Command } from 'commander'
import type { Manifest } from '../manifest.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import { openFlaggedStore } from './options.ts'

export function addShow(program: Command, context: CliContext): void {
  withBackupArgument(program.command('show').description('say what is in a backup'))
    .option('--json', 'print the manifest as JSON')
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: FindFlags & { json?: boolean }) => show(id, flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup show latest --of app --store file:///var/backups/postgres
  $ pg-backup show latest --of app --json > manifest.json`

async function show(id: string, flags: FindFlags & { json?: boolean }, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  if (flags.json === true) await context.printJson<Manifest>(manifest)
  else await context.print(`${describe(manifest)}\n`)
}

function describe(manifest: Manifest): string {
  const { server, tools } = manifest
  const facts = [
    ['backup', `${manifest.id} of "${manifest.database}" in cluster "${manifest.cluster}"`],
    ['taken', `${manifest.startedAt} to ${manifest.finishedAt}, at WAL position ${manifest.snapshotLsn}`],
    [
      'server',
      `PostgreSQL ${server.version}, system identifier ${server.systemIdentifier ?? 'not readable'}${server.isStandby ? ', a standby' : ''}`,
    ],
    ['tools', `pg_dump ${tools.pgDump}, pg-backup ${tools.pgBackup}`],
    ['extensions', manifest.extensions.map((each) => `${each.name} ${each.version}`).join(', ') || 'none'],
    [
      'objects',
      manifest.objects
        .map((each) => `${each.name} (${formatBytes(each.storedBytes)}, from ${formatBytes(each.rawBytes)})`)
        .join(', '),
    ],
    ['large objects', formatCount(manifest.largeObjects.count)],
    ['schema objects', formatCount(manifest.schemaObjects.length)],
  ] as const
  const table = formatTable(
    [
      { header: 'TABLE' },
      { header: 'ROWS', align: 'right' },
      { header: 'BYTES', align: 'right' },
      { header: 'DIGEST', isKept: true },
    ],
    manifest.tables.map((each) => [
      printable(`${each.schema}.${each.name}`),
      formatCount(each.rows),
      formatBytes(each.bytes),
      each.digest,
    ]),
    tableWidth(Number.POSITIVE_INFINITY),
  )
  return `${facts.map(([name, value]) => `${name.padEnd(15)}${printable(value)}`).join('\n')}\n\n${table}`
}
