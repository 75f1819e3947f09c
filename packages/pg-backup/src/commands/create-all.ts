import {
  createProgressLine,
  EXIT,
  formatBytes,
  formatDuration,
  formatTable,
  parseInteger,
  type CliContext,
} from '@ops/internal-cli'
import type { Command } from 'commander'
import { DEFAULT_COMPRESSION_LEVEL } from '../compression.ts'
import { createAllBackups, type DatabaseOutcome } from '../create-all-backups.ts'
import { describeProgress, warningsOnly } from './create.ts'
import {
  connectionFromFlags,
  openFlaggedStore,
  withConnectionFlags,
  withStoreFlags,
  type ConnectionFlags,
  type StoreFlags,
} from './options.ts'
import { runOptionsFromFlags, withRunFlags, type RunFlags } from './run-options.ts'

interface Flags extends StoreFlags, ConnectionFlags, RunFlags {
  include?: string[]
  exclude?: string[]
  concurrency: number
  level: number
  json?: boolean
  quiet?: boolean
}

export function addCreateAll(program: Command, context: CliContext): void {
  const command = program
    .command('create-all')
    .description('back up every database of a server; exits with 1 when one of them failed')
  withRunFlags(
    withConnectionFlags(
      withStoreFlags(command),
      'database to connect to for the list (default: PGDATABASE or postgres)',
    )
      .option('--include <pattern...>', 'only databases that match a pattern, as in pg_dump: app_*, "Shop"')
      .option('--exclude <pattern...>', 'no databases that match a pattern')
      .option('--concurrency <n>', 'databases at a time', parseInteger(1), 1)
      .option('--level <1-19>', 'zstd compression level', parseInteger(1, 19), DEFAULT_COMPRESSION_LEVEL)
      .option('--quiet', 'no progress and no summary, one line for each that failed; for cron')
      .option('--json', 'print the result, manifests included, as JSON'),
  ).action((flags: Flags) => createAll(flags, context))
}

async function createAll(flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const line = createProgressLine()
  const begun = performance.now()
  try {
    const result = await createAllBackups({
      ...runOptionsFromFlags(flags),
      store,
      connection: connectionFromFlags(flags, context),
      cluster: flags.cluster,
      include: flags.include,
      exclude: flags.exclude,
      concurrency: flags.concurrency,
      compressionLevel: flags.level,
      env: context.env,
      logger: warningsOnly(context),
      signal: context.signal,
      onProgress: ({ database, ...progress }) => {
        if (flags.quiet !== true)
          line.update(`${database}: ${describeProgress(progress, performance.now() - begun)}`)
      },
    })
    line.clear()
    if (flags.json === true) await context.printJson(result)
    for (const each of result.databases)
      if (each.status === 'failed') context.say(failure(each.database, each.error))
    if (flags.quiet !== true) {
      await (flags.json === true ? undefined : context.print(`${table(result.databases)}\n`))
      context.say(
        `${result.succeeded} of ${result.databases.length} databases backed up to ${result.store} in ${formatDuration(result.durationMs)}`,
      )
    }
    if (result.failed > 0) context.exitWith(EXIT.failed)
  } finally {
    line.clear()
  }
}

function failure(database: string, { code, message }: { code?: string; message: string }): string {
  return `pg-backup: "${database}": ${message}${code === undefined ? '' : ` [${code}]`}`
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
      if (each.status === 'failed') return [each.database, `failed: ${each.error.code ?? 'unknown'}`, '', '']
      const { id, manifest, durationMs } = each.backup
      const stored = manifest.objects.reduce((sum, object) => sum + object.storedBytes, 0)
      return [each.database, id, formatBytes(stored), formatDuration(durationMs)]
    }),
  )
}
