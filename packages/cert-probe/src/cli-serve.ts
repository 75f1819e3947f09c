import { once } from 'node:events'
import { Option, type Command } from 'commander'
import { parseTimerMs, UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { addProbeFlags, probeOptions, type ProbeFlags } from './cli-probe-flags.ts'
import { createDiscovery, type DiscoveredTargets } from './discovery.ts'
import { createExporter, type Logger } from './exporter.ts'
import { createMonitor, type Monitor } from './monitor.ts'
import { defaultModules, loadModules } from './modules.ts'
import { isPrivateAddress } from './network-policy.ts'

interface ServeFlags extends ProbeFlags {
  readonly listen: string
  readonly config?: string
  readonly targets?: string
  readonly target: string[]
  readonly caddy?: string | true
  readonly sans?: true
  readonly allow: string[]
  readonly allowPrivate?: true
  readonly interval: number
}

export function addServeCommand(program: Command, context: CliContext): void {
  const command = program
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
    .option('--caddy [url]', 'the same, for all sites of this Caddy (default: http://localhost:2019)')
    .option('--sans', 'also probe on a schedule the other names in the certificates that are found')
    .option(
      '--allow <pattern>',
      'allow /probe for what matches: *.example.com:443, 10.0.0.0/8:5432; may be given again',
      collect,
      [],
    )
    .option('--allow-private', 'let host patterns, and names found by --sans, lead to private addresses')
    .addOption(
      new Option(
        '--interval <duration>',
        'between two probes of a target, varied by a tenth, and between two questions to Caddy',
      )
        .argParser(parseTimerMs)
        .default(600_000, '10m'),
    )
  addProbeFlags(command)
    .addHelpText('after', SERVE_HELP)
    .action((flags: ServeFlags) => serve(flags, context))
}

const LEAST_INTERVAL_MS = 1000

const SERVE_HELP = `
Nothing is probed on request but what --target, --targets, --caddy and --allow name.
Set CERT_PROBE_FILE_PASSWORD to open PKCS#12 files.

Examples:
  $ cert-probe serve --targets targets.txt
  $ cert-probe serve --caddy --sans --interval 1h
  $ cert-probe serve --config blackbox.yml --allow '*.example.com:443' --listen 0.0.0.0:9115`

async function serve(flags: ServeFlags, context: CliContext): Promise<void> {
  if (flags.interval < LEAST_INTERVAL_MS)
    throw new UsageError('--interval must be 1s or longer: each target is probed so often')
  const { host, port } = parseListen(flags.listen)
  const options = await probeOptions(flags, context)
  const modules =
    flags.config === undefined
      ? await defaultModules(options.trust)
      : await loadModules(flags.config, options.trust)
  let named = new Set<string>()
  await using monitor: Monitor = createMonitor({
    ...options,
    targets: [],
    addresses: 'all',
    intervalMs: flags.interval,
    concurrency: flags.concurrency,
    allowAddress: (ip, target) => flags.allowPrivate === true || named.has(target) || !isPrivateAddress(ip),
    onReport: (report) => discovery.learn(report),
  })
  await using discovery = createDiscovery({
    targets: flags.target,
    listPath: flags.targets,
    caddyUrl: flags.caddy === true ? 'http://localhost:2019' : flags.caddy,
    sans: flags.sans === true,
    intervalMs: flags.interval,
    onChange: (targets) => {
      use(targets)
      context.say(`cert-probe: ${count(targets)}`)
    },
    onError: (source, error) =>
      context.say(`cert-probe: the targets of the ${source} are left as they were: ${errorMessage(error)}`),
  })
  await using exporter = createExporter({
    host,
    port,
    modules,
    monitor,
    discovery,
    logger: createLogger(context),
    allow: flags.allow,
    allowPrivate: flags.allowPrivate === true,
  })
  const use = (targets: DiscoveredTargets): void => {
    named = new Set(targets.named)
    monitor.setTargets([...targets.named, ...targets.found])
    exporter.setTargets(targets.named)
  }
  const targets = await discovery.start()
  use(targets)
  const address = await exporter.start()
  monitor.start()
  context.say(`cert-probe: listening on http://${address.host}:${address.port}, ${count(targets)}`)
  if (!context.signal.aborted) await once(context.signal, 'abort')
}

function count({ named, found }: DiscoveredTargets): string {
  return `${named.length} targets${found.length === 0 ? '' : `, and ${found.length} names found in certificates`}`
}

/** Refusals are worth a line; every single probe is not. */
function createLogger(context: CliContext): Logger {
  const say = (fields: object, message: string): void =>
    context.say(`cert-probe: ${message} ${JSON.stringify(fields, errorAsText)}`)
  return { warn: say, error: say }
}

/** An error has no fields of its own that JSON would show. */
function errorAsText(_name: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value
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
