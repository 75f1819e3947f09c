import { parseInteger, parseTimerMs, UsageError, type CliContext } from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import type { Compat } from './collect-metrics.ts'
import { connectionFrom, namedTargets, targetsFromFile } from './cli-target.ts'
import { createExporter, type ExporterOptions } from './serve.ts'

interface ServeFlags {
  readonly url?: string
  readonly target: readonly string[]
  readonly targetsFile?: string
  readonly probeTarget: readonly string[]
  readonly probeTargetsFile?: string
  readonly host: string
  readonly port: number
  readonly compat: string
  readonly timeout: number
  readonly applicationsTop: number
  readonly clientConnections: boolean
  readonly includeDatabase: readonly RegExp[]
  readonly excludeDatabase: readonly RegExp[]
  readonly includeUser: readonly RegExp[]
  readonly excludeUser: readonly RegExp[]
}

export function addServeCommand(program: Command, context: CliContext): void {
  program
    .command('serve')
    .description(
      "serve /metrics and /probe for Prometheus, under the names of prometheus-community's exporter",
    )
    .option('--url <url>', 'one PgBouncer; its metrics have no label of their own')
    .option(
      '--target <name=url>',
      'one of several PgBouncers, told apart by the label "pgbouncer"; repeat it',
      collect,
      [],
    )
    .option('--targets-file <file>', 'the same from a JSON file: { "name": "postgres://…" }')
    .option('--probe-target <name=url>', 'what /probe?target=name may ask for; repeat it', collect, [])
    .option('--probe-targets-file <file>', 'the same from a JSON file')
    .option('--host <address>', 'listen on; 0.0.0.0 for all of this machine', '127.0.0.1')
    .option('--port <port>', 'listen on', parseInteger(0, 65_535), 9127)
    .option('--compat <version>', 'names of prometheus-community 0.10, 0.12, or both', 'both')
    .addOption(
      new Option('--timeout <duration>', 'for one scrape').argParser(parseTimerMs).default(5000, '5s'),
    )
    .option(
      '--applications-top <n>',
      'count clients of the n applications that have most',
      parseInteger(0, 10_000),
      0,
    )
    .option('--no-client-connections', 'leave out pgbouncer_client_connections, whose series have no bound')
    .option('--include-database <regex>', 'only these databases; repeat it', collectPattern, [])
    .option('--exclude-database <regex>', 'not these databases; repeat it', collectPattern, [])
    .option('--include-user <regex>', 'only these users; repeat it', collectPattern, [])
    .option('--exclude-user <regex>', 'not these users; repeat it', collectPattern, [])
    .addHelpText(
      'after',
      '\nExample:\n  $ pgbouncer-stats serve --url postgres://stats@localhost:6432/pgbouncer --compat 0.12',
    )
    .action(async (flags: ServeFlags) => {
      await serve(flags, context)
    })
}

async function serve(flags: ServeFlags, context: CliContext): Promise<void> {
  const exporter = createExporter(exporterOptions(flags, context))
  const { port } = await exporter.start()
  context.say(`pgbouncer-stats: listening on http://${flags.host}:${port}/metrics`)
  try {
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), { once: true })
    })
  } finally {
    await exporter.stop()
  }
}

function exporterOptions(flags: ServeFlags, context: CliContext): ExporterOptions {
  const named = targets(flags.target, flags.targetsFile, context)
  const probeTargets = targets(flags.probeTarget, flags.probeTargetsFile, context)
  const isProbeOnly =
    Object.keys(probeTargets).length > 0 &&
    flags.url === undefined &&
    context.env['PGBOUNCER_URL'] === undefined
  const single =
    Object.keys(named).length === 0 && !isProbeOnly ? connectionFrom(flags.url, context) : undefined
  return {
    ...(single === undefined ? { targets: named } : { targets: single }),
    probeTargets,
    host: flags.host,
    port: flags.port,
    compat: compatOf(flags.compat),
    timeoutMs: flags.timeout,
    applicationsTop: flags.applicationsTop,
    ...(flags.clientConnections ? {} : { clientConnections: false }),
    includeDatabases: flags.includeDatabase,
    excludeDatabases: flags.excludeDatabase,
    includeUsers: flags.includeUser,
    excludeUsers: flags.excludeUser,
    logger: {
      warn: (fields, message) => context.say(`pgbouncer-stats: ${message}: ${JSON.stringify(fields)}`),
    },
  }
}

function targets(
  given: readonly string[],
  file: string | undefined,
  context: CliContext,
): ReturnType<typeof namedTargets> {
  return { ...(file === undefined ? {} : targetsFromFile(file, context)), ...namedTargets(given, context) }
}

function compatOf(text: string): Compat {
  if (text === '0.10' || text === '0.12' || text === 'both') return text
  throw new UsageError(`--compat must be 0.10, 0.12 or both, not "${text}"`)
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

function collectPattern(value: string, previous: readonly RegExp[]): RegExp[] {
  try {
    return [...previous, new RegExp(value, 'u')]
  } catch {
    throw new UsageError(`"${value}" is not a regular expression`)
  }
}
