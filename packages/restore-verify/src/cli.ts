#!/usr/bin/env node
import { writeFile } from 'node:fs/promises'
import {
  createProgressLine,
  EXIT,
  formatBytes,
  formatCount,
  formatDuration,
  runCli,
  type CliContext,
} from '@ops/internal-cli'
import { openStore } from '@ops/object-store'
import { parseConnectionUri, type PgConnection } from '@ops/pg-backup'
import { Option, type Command } from 'commander'
import { renderHtml } from './render-html.ts'
import type { VerificationReport } from './report.ts'
import { verifyRestore, type VerifyProgress } from './verify-restore.ts'
import { PACKAGE_VERSION } from './version.ts'

interface Flags {
  store: string
  cluster: string
  of: string
  id: string
  host?: string
  port?: string
  username?: string
  owner: boolean
  privileges: boolean
  html?: string
  json?: boolean
}

runCli(import.meta.url, {
  name: 'restore-verify',
  version: PACKAGE_VERSION,
  description: 'Restore drills: proves that a PostgreSQL backup restores, to the content.',
  usageCodes: ['BACKUP_BAD_OPTIONS', 'STORE_BAD_URL'],
  build(program, context) {
    addRun(program, context)
    program.addHelpText(
      'after',
      `
The drill restores into a scratch database on the server given by --host, --port and --username,
DRILL_DATABASE_URL or the PG* variables, and drops it again. The role must be allowed to create databases.

Exit codes: 0 proven, 1 could not run, 2 bad usage, 3 disproven, 130 or 143 stopped by a signal.

Example:
  $ restore-verify run --of app --store file:///var/backups/postgres --host localhost --html drill.html`,
    )
  },
})

function addRun(program: Command, context: CliContext): void {
  program
    .command('run')
    .description('drill one backup')
    .addOption(
      new Option('--store <url>', 'where backups live: s3://… or file:///…')
        .env('OPS_STORE')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--cluster <name>', 'the cluster that was backed up').env('OPS_CLUSTER').default('main'),
    )
    .requiredOption('--of <database>', 'the database that was backed up')
    .option('--id <id>', 'the backup: an id, or `latest`', 'latest')
    .option('--host <host>', 'server to restore on, or its socket folder (default: PGHOST)')
    .option('--port <port>', 'its port (default: PGPORT)')
    .option('--username <name>', 'role to connect as (default: PGUSER)')
    .option('--no-owner', 'restore without owners; they are then not compared')
    .option('--no-privileges', 'restore without grants; they are then not compared')
    .option('--html <file>', 'write the report as an HTML page')
    .option('--json', 'print the report as JSON')
    .action((flags: Flags) => run(flags, context))
}

async function run(flags: Flags, context: CliContext): Promise<void> {
  await using store = await openStore(flags.store, { env: context.env })
  const line = createProgressLine()
  try {
    const report = await verifyRestore({
      store,
      cluster: flags.cluster,
      database: flags.of,
      id: flags.id,
      connection: target(flags, context),
      noOwner: !flags.owner,
      noPrivileges: !flags.privileges,
      env: context.env,
      signal: context.signal,
      onProgress: (progress) => line.update(describeProgress(progress)),
    })
    line.clear()
    if (flags.html !== undefined) await writeFile(flags.html, renderHtml(report))
    for (const each of summary(report)) context.say(each)
    if (flags.json === true) await context.printJson(report)
    if (report.verdict === 'disproven') context.exitWith(EXIT.findings)
  } finally {
    line.clear()
  }
}

function target(flags: Flags, context: CliContext): PgConnection {
  const url = context.env['DRILL_DATABASE_URL']
  const { host, port, username } = flags
  return {
    ...(url === undefined || url === '' ? {} : parseConnectionUri(url)),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(username === undefined ? {} : { user: username }),
  }
}

const DOING: Record<VerifyProgress['phase'], string> = {
  check: 'comparing checksums',
  restore: 'restoring',
  digest: 'digesting what came back',
  compare: 'comparing',
  'clean up': 'cleaning up',
}

function describeProgress({ phase, bytes, total, rows }: VerifyProgress): string {
  return [
    DOING[phase],
    ...(bytes === undefined
      ? []
      : [`${formatBytes(bytes)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`]),
    ...(rows === undefined ? [] : [`${formatCount(rows)} rows`]),
  ].join('  ')
}

function summary({
  verdict,
  backup,
  totals,
  differences,
  notChecked,
  phases,
  durationMs,
}: VerificationReport): string[] {
  const head = `backup ${backup.id} of "${backup.database}"`
  if (verdict === 'disproven') {
    return [
      `DISPROVEN: ${head}: ${formatCount(differences.length)} difference(s)`,
      ...differences.slice(0, 20).map((each) => `  ${each.kind} ${each.object}: ${each.problem}`),
      ...(differences.length > 20 ? ['  … the report has all of them (--json, --html)'] : []),
    ]
  }
  const restore = phases.find((phase) => phase.phase === 'restore')
  return [
    `proven: ${head}: ${formatCount(totals.rows)} rows in ${formatCount(totals.tables)} tables, ${formatCount(totals.schemaObjects)} schema objects; ` +
      `restored in ${formatDuration(restore?.durationMs ?? 0)}, drill took ${formatDuration(durationMs)}`,
    ...notChecked.map((each) => `  not checked: ${each}`),
  ]
}
