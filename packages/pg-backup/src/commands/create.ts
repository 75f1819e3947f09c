import {
  formatBytes,
  formatCount,
  formatDuration,
  parseInteger,
  printable,
  type CliContext,
} from '@ops/internal-cli'
import type { ObjectStore } from '@ops/object-store'
import type { Command } from 'commander'
import { newestReadable, type BackupMeasures } from '../backup-measures.ts'
import { DEFAULT_COMPRESSION_LEVEL } from '../compression.ts'
import { createBackup, type BackupProgress, type BackupResult } from '../create-backup.ts'
import type { BackupAttempt } from '../hooks.ts'
import { listBackups } from '../list-backups.ts'
import type { Logger } from '../logger.ts'
import { manifestTotals } from '../manifest-totals.ts'
import { estimate, progressFields } from './create-progress.ts'
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

interface Flags extends StoreFlags, ConnectionFlags, NotifyFlags, OutputFlags {
  level: number
}

export function addCreate(program: Command, context: CliContext): void {
  const command = program.command('create').description('back up one database; prints its id')
  withConnectionFlags(withStoreFlags(command), 'database to back up (default: PGDATABASE)').option(
    '--level <1-19>',
    'zstd compression level',
    parseInteger(1, 19),
    DEFAULT_COMPRESSION_LEVEL,
  )
  withOutputFlags(withNotifyFlags(command))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => create(flags, context))
}

const EXAMPLES = `
Examples:
  $ pg-backup create --store file:///var/backups/postgres --dbname app
  $ pg-backup create --dbname app --quiet                    # in a crontab: one line, and only on failure
  $ pg-backup create --dbname app --json | jq --raw-output 'select(.event == "done").id'
  $ OPS_WEBHOOK_URL="$(cat /etc/pg-backup/webhook)" pg-backup create --dbname app --webhook-format slack`

async function create(flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput(flags, context)
  const logger = warningsOnly(context)
  let last: BackupMeasures | undefined
  let dumpBegan = 0
  const result = await createBackup({
    store,
    connection: connectionFromFlags(flags, context),
    cluster: flags.cluster,
    compressionLevel: flags.level,
    env: context.env,
    logger,
    signal: context.signal,
    hooks: [
      {
        onStart: (attempt) => {
          output.event({ event: 'started', ...attempt })
          // Beside the backup, which does not wait for it; a store that may not be read gives no estimate.
          void lastBackup(store, attempt, context.signal).then((found) => (last = found))
        },
      },
      ...(await hooksFromFlags(flags, context)),
    ],
    onProgress: (progress) => {
      if (progress.phase !== 'dump') return output.progress(progress, () => [describePhase(progress)])
      dumpBegan ||= performance.now()
      const elapsedMs = Math.round(performance.now() - dumpBegan)
      const expected = estimate(progress, last, elapsedMs)
      output.progress({ ...progress, elapsedMs, ...(expected && { estimate: expected }) }, () =>
        progressFields(progress, expected, elapsedMs),
      )
    },
  })
  await output.done(result, summary(result), result.id)
}

async function lastBackup(
  store: ObjectStore,
  { cluster, database }: BackupAttempt,
  signal: AbortSignal,
): Promise<BackupMeasures | undefined> {
  try {
    return await newestReadable(await listBackups({ store, cluster, database, signal }), { store, signal })
  } catch {
    return undefined
  }
}

/** After a signal there is no error to name what could not be removed, so it is said as it happens. */
function warningsOnly(context: CliContext): Logger {
  const ignore = (): void => undefined
  return {
    debug: ignore,
    info: ignore,
    warn: (fields, message) =>
      context.say(printable(`${'key' in fields ? String(fields.key) : 'pg-backup'}: ${message}`)),
    error: ignore,
  }
}

function describePhase(progress: Exclude<BackupProgress, { phase: 'dump' }>): string {
  return progress.phase === 'connect' ? 'connecting' : `publishing ${formatBytes(progress.storedBytes)}`
}

function summary({ database, store, manifestKey, manifest, durationMs }: BackupResult): string[] {
  const { tables, rows, rawBytes, storedBytes } = manifestTotals(manifest)
  return [
    `backed up "${database}": ${formatCount(tables)} tables, ${rows === undefined ? '' : `${formatCount(rows)} rows, `}` +
      `${formatBytes(rawBytes)} as ${formatBytes(storedBytes)}, in ${formatDuration(durationMs)}`,
    ...manifest.warnings.map((warning) => `  ${printable(warning)}`),
    `published ${store}/${manifestKey}`,
  ]
}
