import {
  createProgressLine,
  EXIT,
  formatCount,
  formatDuration,
  parseDurationMs,
  parseInteger,
  UsageError,
  type CliContext,
  type Progress,
} from '@ops/internal-cli'
import { Option, type Command } from 'commander'
import type { RunOutput } from '../json-output.ts'
import { checkNames, type CheckName, type VerificationReport } from '../report.ts'
import type { Which } from '../select-backups.ts'
import { verifyBackups, type DrillResult } from '../verify-backups.ts'
import { verifyRestore, type VerifyProgress, type VerifyRestoreOptions } from '../verify-restore.ts'
import { assertionsFromFlags } from './assertion-flags.ts'
import { keysFromFlags, withKeyFlags, type KeyFlags } from './key-flags.ts'
import {
  openFlaggedStore,
  targetFromFlags,
  withStoreFlags,
  withTargetFlags,
  type StoreFlags,
  type TargetFlags,
} from './options.ts'
import { requireWritable, withReportFlags, writeReport, type ReportFlags } from './write-report.ts'

interface Flags extends StoreFlags, TargetFlags, ReportFlags, KeyFlags {
  jobs?: number
  staging?: string
  id: string
  neverDrilled?: boolean
  sampleDays?: number
  seed: string
  skip?: CheckName[]
  assert?: string[]
  assertions?: string
  rpo?: number
  rto?: number
  roles?: 'create' | 'require'
  locale?: 'substitute' | 'require'
  withoutExtension?: string[]
  owner: boolean
  privileges: boolean
  amcheckJobs?: number
  record: boolean
  quiet?: boolean
  json?: boolean
}

export function addRun(program: Command, context: CliContext): void {
  const command = withTargetFlags(
    withStoreFlags(program.command('run').description('drill one backup, or several')),
  )
  withReportFlags(withKeyFlags(command))
    .option('--id <id>', 'the backup: an id, or `latest`', 'latest')
    .option('--never-drilled', 'instead of one: every backup that was never drilled')
    .option(
      '--sample-days <days>',
      'instead of one: one backup of every so many days',
      parseInteger(1, 36_500),
    )
    .option('--seed <text>', 'which ones the sample takes', 'ops')
    .option('--jobs <n>', 'restore so many tables and indexes at a time (default: 1)', parseInteger(1, 64))
    .option('--staging <folder>', 'where a backup is unpacked that cannot stream (default: the temp folder)')
    .addOption(
      new Option('--skip <check...>', 'leave a check out').choices(
        checkNames.filter((name) => name !== 'restore'),
      ),
    )
    .option('--assert <sql...>', 'a query that must return true in the restored database')
    .option('--assertions <file>', 'JSON: [{ "name", "sql", "min", "max" }]')
    .option('--rpo <duration>', 'disproven when the backup is older, such as 26h', parseDurationMs)
    .option('--rto <duration>', 'disproven when restoring takes longer, such as 2h', parseDurationMs)
    .addOption(new Option('--roles <how>', 'roles that the target lacks').choices(['create', 'require']))
    .addOption(
      new Option('--locale <how>', 'a locale that the target lacks').choices(['substitute', 'require']),
    )
    .option(
      '--without-extension <name...>',
      'leave an extension out, and what needs it; it is not proven then',
    )
    .option('--no-owner', 'restore without owners; they are then not compared')
    .option('--no-privileges', 'restore without grants; they are then not compared')
    .option('--amcheck-jobs <n>', 'connections of pg_amcheck (default: 2)', parseInteger(1, 64))
    .option('--no-record', 'leave no verification.json beside the backup')
    .option('--quiet', 'say nothing unless a backup is disproven or cannot be drilled; for cron')
    .option('--json', 'print the report as JSON; of several drills, a list of their results')
    .addHelpText(
      'after',
      '\nExamples:\n  $ restore-verify run --of app --store file:///var/backups/postgres --html drill.html\n  $ restore-verify run --of app --rpo 26h --rto 2h --quiet     # in a crontab\n  $ restore-verify run --of app --target container --image postgres:17 --never-drilled\n  $ restore-verify run --of app --assert "SELECT count(*) > 0 FROM orders"',
    )
    .action((flags: Flags) => run(flags, context))
}

async function run(flags: Flags, context: CliContext): Promise<void> {
  const which = whichOf(flags)
  await requireWritable(flags)
  const target = targetFromFlags(flags, context)
  const keys = await keysFromFlags(flags, context)
  const assertions = await assertionsFromFlags(flags)
  await using store = await openFlaggedStore(flags, context)
  const line = flags.quiet === true ? undefined : createProgressLine()
  const options: VerifyRestoreOptions = {
    ...keys,
    jobs: flags.jobs,
    stagingFolder: flags.staging,
    store,
    cluster: flags.cluster,
    database: flags.of,
    target,
    assertions,
    skip: flags.skip,
    maxAgeMs: flags.rpo,
    maxRecoveryMs: flags.rto,
    roles: flags.roles,
    locale: flags.locale,
    withoutExtensions: flags.withoutExtension,
    noOwner: !flags.owner,
    noPrivileges: !flags.privileges,
    amcheckJobs: flags.amcheckJobs,
    record: flags.record,
    env: context.env,
    signal: context.signal,
    onProgress: (progress) => line?.update(describeProgress(progress)),
  }
  try {
    if (which === undefined) {
      const report = await verifyRestore({ ...options, id: flags.id })
      line?.clear()
      const written = await writeReport(report, flags)
      const said = [...summary(report), ...written.map((file) => `  report written to ${file}`)]
      if (report.verdict === 'disproven' || flags.quiet !== true) sayAll(context, said)
      if (flags.json === true) await context.printJson<RunOutput>(report)
      if (report.verdict === 'disproven') context.exitWith(EXIT.findings)
      next(report, flags, context)
      return
    }
    const results = await verifyBackups({ ...options, which })
    line?.clear()
    const told = flags.quiet === true ? results.filter((each) => !isProven(each)) : results
    sayAll(context, told.flatMap(resultSummary))
    if (results.length === 0 && flags.quiet !== true) context.say('nothing to drill')
    if (flags.json === true) await context.printJson<RunOutput>(results)
    context.exitWith(exitOf(results))
  } finally {
    line?.clear()
  }
}

/** `undefined` for a single backup. */
function whichOf({ neverDrilled, sampleDays, seed, id, html, markdown, junit }: Flags): Which | undefined {
  const wished = [neverDrilled === true, sampleDays !== undefined, id !== 'latest'].filter(Boolean)
  if (wished.length > 1) throw new UsageError('--id, --never-drilled and --sample-days exclude each other')
  const several: Which | undefined =
    sampleDays === undefined
      ? neverDrilled === true
        ? 'never-drilled'
        : undefined
      : { everyDays: sampleDays, seed }
  if (several !== undefined && [html, markdown, junit].some((file) => file !== undefined)) {
    throw new UsageError(
      '--html, --markdown and --junit are for one drill; `restore-verify report` writes them for each id',
    )
  }
  return several
}

/** A backup that was disproven is worse news than one that could not be drilled. */
function exitOf(results: readonly DrillResult[]): number {
  if (results.some((result) => 'report' in result && result.report.verdict === 'disproven'))
    return EXIT.findings
  return results.some((result) => 'error' in result) ? EXIT.failed : EXIT.done
}

function isProven(result: DrillResult): boolean {
  return 'report' in result && result.report.verdict === 'proven'
}

/** A policy to begin with, where the environment has none. */
const FIRST_POLICY = 'daily=7,weekly=4,monthly=12'

function next(
  { verdict, backup }: VerificationReport,
  { store, cluster, html, record }: Flags,
  context: CliContext,
): void {
  const where = ['--store', store]
  const policy = context.env['OPS_RETENTION_POLICY'] || FIRST_POLICY
  if (verdict === 'proven') {
    return context.next('see what a retention policy would keep; s3-retention is a package of its own', [
      's3-retention',
      'plan',
      ...where,
      '--policy',
      policy,
    ])
  }
  if (html !== undefined || !record) return
  context.next('read all that differs', [
    'restore-verify',
    'report',
    '--of',
    backup.database,
    '--id',
    backup.id,
    ...where,
    ...(cluster === 'main' ? [] : ['--cluster', cluster]),
    '--html',
    'drill.html',
  ])
}

function resultSummary(result: DrillResult): string[] {
  if ('report' in result) return summary(result.report)
  const { code, message } = result.error
  return [`NOT DRILLED: backup ${result.backup.id}: ${message}${code === undefined ? '' : ` [${code}]`}`]
}

function sayAll(context: CliContext, lines: readonly string[]): void {
  for (const line of lines) context.say(line)
}

const DOING: Record<VerifyProgress['phase'], string> = {
  check: 'checking',
  start: 'starting the target',
  restore: 'restoring',
  digest: 'digesting what came back',
  compare: 'comparing',
  inspect: 'inspecting indexes and constraints',
  'clean up': 'cleaning up',
}

function describeProgress({ phase, bytes, total, rows }: VerifyProgress): Progress {
  return {
    doing: DOING[phase],
    done: bytes,
    total,
    details: rows === undefined ? [] : [`${formatCount(rows)} rows`],
  }
}

const MOST_DIFFERENCES = 20

function summary(report: VerificationReport): string[] {
  const { verdict, backup, totals, differences, durationMs, recoveryMs } = report
  const head = `backup ${backup.id} of "${backup.database}"`
  if (verdict === 'disproven') {
    return [
      `DISPROVEN: ${head}: ${formatCount(differences.length)} difference(s)`,
      ...differences
        .slice(0, MOST_DIFFERENCES)
        .map((each) => `  ${each.check} ${each.object}: ${each.problem}`),
      ...(differences.length > MOST_DIFFERENCES ? ['  … the report has all of them (--json, --html)'] : []),
    ]
  }
  return [
    `proven: ${head}: ${formatCount(totals.rows)} rows in ${formatCount(totals.tables)} tables, ${formatCount(totals.schemaObjects)} schema objects; ` +
      `recovered in ${formatDuration(recoveryMs ?? 0)}, drill took ${formatDuration(durationMs)}`,
    ...report.adaptations.map((each) => `  on the target: ${each}`),
    ...report.notChecked.map((each) => `  not checked: ${each}`),
  ]
}
