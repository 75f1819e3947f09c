import type { Command } from 'commander'
import { createProgressLine, EXIT, UsageError, type CliContext } from '@ops/internal-cli'
import { addProbeFlags, probeOptions, type ProbeFlags } from './cli-probe-flags.ts'
import type { CheckOutput } from './json-output.ts'
import { discoverCaddy } from './discover-caddy.ts'
import { probeMany, type ProbeManyOptions } from './probe-many.ts'
import { reportTable } from './report-table.ts'
import { worstStatus, type ProbeReport, type Status } from './report.ts'
import { sanTargets } from './san-targets.ts'
import { formatTarget, isStartTlsProtocol, parseTarget } from './target.ts'
import { readTargetList } from './target-list.ts'

/** Beside the codes that all bins share: a monitor must tell these apart. */
const EXIT_OF_STATUS: Readonly<Record<Status, number>> = {
  ok: EXIT.done,
  unknown: EXIT.failed,
  warning: EXIT.findings,
  critical: 4,
}

interface CheckFlags extends ProbeFlags {
  readonly json?: true
  readonly servername?: string
  readonly starttls?: string
  readonly addresses: 'any' | 'first' | 'all'
  readonly sans?: true
  readonly caddy?: string | true
  readonly targets?: string
}

export function addCheckCommand(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description('probe targets once, and say when their certificates expire and what is wrong with them')
    .argument(
      '[target...]',
      'host, host:port, URL, unix:/path, file or folder, kubernetes://namespace/secret',
    )
    .option('--json', 'print the reports as JSON on stdout')
    .option('--servername <name>', 'ask for and judge by this name instead of the host')
    .option(
      '--starttls <protocol>',
      'postgres, smtp, imap, pop3, ftp, ldap or mysql, for targets that do not say',
    )
    .option('--addresses <which>', 'any, first or all addresses of a name', addresses, 'any')
    .option('--targets <file>', 'also probe the targets in this file, one on each line')
    .option('--caddy [url]', 'also probe all sites of this Caddy (default: http://localhost:2019)')
    .option('--sans', 'also probe the other names in the certificates that are found')
  addProbeFlags(command)
    .addHelpText('after', CHECK_HELP)
    .action(async (targets: string[], flags: CheckFlags) => {
      const reports = await check(targets, flags, context)
      if (flags.json === true) await context.printJson<CheckOutput>(reports)
      else await context.print(`${reportTable(reports, process.stdout, process.stdout.columns ?? 160)}\n`)
      context.exitWith(EXIT_OF_STATUS[worstStatus(reports.map((report) => report.status))])
    })
}

const CHECK_HELP = `
Exit codes: 0 all fine, 3 warning, 4 critical, 1 could not tell, 2 bad usage.
Set CERT_PROBE_FILE_PASSWORD to open PKCS#12 files.

Examples:
  $ cert-probe check example.com www.example.com:8443
  $ cert-probe check postgres://db.internal:5432 --ca ca.pem --addresses all
  $ cert-probe check --caddy --sans --json
  $ cert-probe check /etc/letsencrypt/live --warn-days 21`

async function check(
  targets: readonly string[],
  flags: CheckFlags,
  context: CliContext,
): Promise<ProbeReport[]> {
  const listed = flags.targets === undefined ? [] : await readTargetList(flags.targets)
  const caddyUrl = flags.caddy === true ? undefined : flags.caddy
  const sites =
    flags.caddy === undefined ? [] : await discoverCaddy({ adminUrl: caddyUrl, signal: context.signal })
  const wanted = [
    ...new Set([
      ...targets.map((target) => withStartTls(target, flags)),
      ...listed,
      ...sites.map((site) => site.target),
    ]),
  ]
  if (wanted.length === 0)
    throw new UsageError('there is nothing to check: name a target, or use --targets or --caddy')
  const progress = createProgressLine()
  const options: ProbeManyOptions = {
    ...(await probeOptions(flags, context)),
    signal: context.signal,
    addresses: flags.addresses,
    concurrency: flags.concurrency,
    ...(flags.servername === undefined ? {} : { serverName: flags.servername }),
    onReport: (_report, done, total) => progress.update({ doing: 'probing', done, total, unit: 'targets' }),
  }
  try {
    const reports = await probeMany(wanted, options)
    return flags.sans === true ? [...reports, ...(await probeMany(sanTargets(reports), options))] : reports
  } finally {
    progress.clear()
  }
}

function withStartTls(target: string, { starttls }: CheckFlags): string {
  const parsed = parseTarget(target)
  if (starttls === undefined || (parsed.kind !== 'network' && parsed.kind !== 'unix'))
    return formatTarget(parsed)
  if (!isStartTlsProtocol(starttls))
    throw new UsageError(`--starttls ${starttls}: it must be postgres, smtp, imap, pop3, ftp, ldap or mysql`)
  return formatTarget({ startTls: starttls, ...parsed })
}

function addresses(text: string): 'any' | 'first' | 'all' {
  if (text === 'any' || text === 'first' || text === 'all') return text
  throw new UsageError(`--addresses ${text}: it must be any, first or all`)
}
