import { readFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { parseInteger, parseTimerMs, UsageError, type CliContext } from '@ops/internal-cli'
import type { ProbeOptions } from './probe.ts'
import { createTlsSettings, type TlsSettings } from './tls-settings.ts'
import { createTrustStore, type TrustStore } from './trust.ts'

/** What `check` and `serve` have in common: how a target is probed and judged. */
export interface ProbeFlags {
  readonly warnDays?: number
  readonly criticalDays?: number
  readonly renewBeforeDays?: number
  readonly timeout: number
  readonly ipv4?: true
  readonly ipv6?: true
  readonly ca?: string
  readonly clientCert?: string
  readonly clientKey?: string
  readonly ocsp?: true
  readonly kubeconfig?: string
  readonly concurrency: number
}

export function addProbeFlags(command: Command): Command {
  return command
    .option(
      '--warn-days <days>',
      'warn this long before expiry (default: 30, or a third of the lifetime if less)',
      days,
    )
    .option(
      '--critical-days <days>',
      'critical this long before expiry (default: 7, or a twelfth of the lifetime if less)',
      days,
    )
    .option(
      '--renew-before-days <days>',
      'a renewal is due this long before expiry (default: a third of the lifetime)',
      days,
    )
    .addOption(
      new Option('--timeout <duration>', 'for each address, resolving the name included')
        .argParser(parseTimerMs)
        .default(10_000, '10s'),
    )
    .option('-4, --ipv4', 'only IPv4 addresses')
    .option('-6, --ipv6', 'only IPv6 addresses')
    .option('--ca <file>', "trust this CA bundle instead of the machine's own")
    .option('--client-cert <file>', 'client certificate with its chain, PEM')
    .option('--client-key <file>', 'its key, PEM')
    .option('--ocsp', 'ask the OCSP responder where nothing is stapled')
    .option('--kubeconfig <file>', 'for kubernetes:// targets')
    .option('--concurrency <number>', 'targets at once', parseInteger(1, 10_000), 100)
}

export async function probeOptions(
  flags: ProbeFlags,
  context: CliContext,
): Promise<ProbeOptions & { trust: TrustStore; tls: TlsSettings }> {
  if (flags.ipv4 === true && flags.ipv6 === true) throw new UsageError('-4 and -6 exclude each other')
  if (flags.clientKey !== undefined && flags.clientCert === undefined)
    throw new UsageError('--client-key needs --client-cert')
  const caPem = await readOptional(flags.ca)
  const clientCertificatePem = await readOptional(flags.clientCert)
  const clientKeyPem = await readOptional(flags.clientKey)
  const filePassword = context.env['CERT_PROBE_FILE_PASSWORD']
  return {
    timeoutMs: flags.timeout,
    ocsp: flags.ocsp === true ? 'ask' : 'stapled',
    trust: createTrustStore(caPem === undefined ? {} : { caPem }),
    tls: createTlsSettings({ clientCertificatePem, clientKeyPem }),
    ipPreference: flags.ipv4 === true ? 'ip4-only' : flags.ipv6 === true ? 'ip6-only' : 'any',
    ...(flags.warnDays === undefined ? {} : { warnDays: flags.warnDays }),
    ...(flags.criticalDays === undefined ? {} : { criticalDays: flags.criticalDays }),
    ...(flags.renewBeforeDays === undefined ? {} : { renewBeforeDays: flags.renewBeforeDays }),
    ...(flags.kubeconfig === undefined ? {} : { kubernetes: { kubeconfigPath: flags.kubeconfig } }),
    ...(filePassword === undefined ? {} : { filePassword }),
  }
}

async function readOptional(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

function days(text: string): number {
  return parseInteger(0, 36_500)(text)
}
