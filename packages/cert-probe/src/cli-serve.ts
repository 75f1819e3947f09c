import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { parseDurationMs, parseInteger, UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { createExporter, type Logger } from './exporter.ts'
import { createMonitor, type Monitor } from './monitor.ts'
import { defaultModules, loadModules } from './modules.ts'
import { readTargetList, watchTargetList } from './target-list.ts'
import { createTrustStore } from './trust.ts'

interface ServeFlags {
  readonly listen: string
  readonly config?: string
  readonly targets?: string
  readonly target: string[]
  readonly allow: string[]
  readonly allowPrivate?: true
  readonly interval: number
  readonly timeout: number
  readonly concurrency: number
  readonly ca?: string
}

export function addServeCommand(program: Command, context: CliContext): void {
  program
    .command('serve')
    .description('serve /probe like blackbox_exporter and ssl_exporter, and /metrics for a list of targets')
    .option('--listen <address>', 'address and port', '127.0.0.1:9115')
    .option('--config <file>', 'modules, from a configuration of blackbox_exporter or ssl_exporter')
    .option(
      '--target <target>',
      'probe this on a schedule, and allow /probe for it; may be given again',
      collect,
      [],
    )
    .option('--targets <file>', 'the same, for the targets in a file that is watched')
    .option(
      '--allow <pattern>',
      'allow /probe for what matches: *.example.com:443, 10.0.0.0/8:5432; may be given again',
      collect,
      [],
    )
    .option('--allow-private', 'let host patterns lead to private addresses')
    .option(
      '--interval <duration>',
      'between two probes of a target, varied by a tenth',
      parseDurationMs,
      600_000,
    )
    .option('--timeout <duration>', 'for each address', parseDurationMs, 10_000)
    .option('--concurrency <number>', 'targets at once', parseInteger(1, 10_000), 100)
    .option('--ca <file>', "trust this CA bundle instead of the machine's own")
    .addHelpText('after', SERVE_HELP)
    .action((flags: ServeFlags) => serve(flags, context))
}

const SERVE_HELP = `
Nothing is probed on request but what --target, --targets and --allow name.

Examples:
  cert-probe serve --targets targets.txt
  cert-probe serve --config blackbox.yml --allow '*.example.com:443' --listen 0.0.0.0:9115`

async function serve(flags: ServeFlags, context: CliContext): Promise<void> {
  const { host, port } = parseListen(flags.listen)
  const trust = createTrustStore(flags.ca === undefined ? {} : { caPem: await readFile(flags.ca, 'utf8') })
  const listed = flags.targets === undefined ? [] : await readTargetList(flags.targets)
  const targets = [...flags.target, ...listed]
  const logger = createLogger(context)
  await using monitor: Monitor = createMonitor({
    targets,
    trust,
    addresses: 'all',
    intervalMs: flags.interval,
    timeoutMs: flags.timeout,
    concurrency: flags.concurrency,
  })
  await using exporter = createExporter({
    host,
    port,
    targets,
    monitor,
    logger,
    allow: flags.allow,
    allowPrivate: flags.allowPrivate === true,
    modules:
      flags.config === undefined ? await defaultModules(trust) : await loadModules(flags.config, trust),
  })
  const watcher =
    flags.targets === undefined
      ? undefined
      : watchTargetList({
          path: flags.targets,
          onError: (error) =>
            context.say(`cert-probe: the target list is left as it was: ${errorMessage(error)}`),
          onChange: (next) => {
            monitor.setTargets([...flags.target, ...next])
            exporter.setTargets([...flags.target, ...next])
            context.say(`cert-probe: ${next.length} targets in ${flags.targets}`)
          },
        })
  try {
    const address = await exporter.start()
    monitor.start()
    context.say(`cert-probe: listening on http://${address.host}:${address.port}, ${targets.length} targets`)
    if (!context.signal.aborted) await once(context.signal, 'abort')
  } finally {
    watcher?.close()
  }
}

/** Refusals are worth a line; every single probe is not. */
function createLogger(context: CliContext): Logger {
  const say = (fields: object, message: string): void =>
    context.say(`cert-probe: ${message} ${JSON.stringify(fields)}`)
  return { warn: say, error: say }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (match === null || Number(match[3]) > 65_535)
    throw new UsageError(`--listen ${text}: it must be ADDRESS:PORT, as in 127.0.0.1:9115`)
  return { host: (match[1] ?? match[2]) || '0.0.0.0', port: Number(match[3]) }
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}
