import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { EXIT, formatTable, printable, tableWidth, UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import type { LiveOutput } from '../json-output.ts'
import { auditLive, type LiveAuditResult } from '../live/audit-live.ts'
import { connect } from './connect.ts'
import { addProfileOptions, resolveProfile, type ProfileFlags } from './profile-options.ts'

interface LiveFlags extends ProfileFlags {
  readonly json?: boolean
  readonly pgbouncerLog?: string
  readonly excludeRole?: string[]
}

export function addLive(program: Command, context: CliContext): void {
  const command = program
    .command('live')
    .description(
      'look into the running database (DATABASE_URL or PG*; connect directly, not through the pooler)',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ DATABASE_URL=postgres://db.internal/app pgbouncer-audit live')
    .option('--pgbouncer-log <file>', 'count the clients that PgBouncer refused, out of its log')
    .option(
      '--exclude-role <name...>',
      'leave out the statements of roles that go past PgBouncer, such as those of backups and monitoring',
    )
  addProfileOptions(command).action(async (flags: LiveFlags) => {
    const profile = await resolveProfile(flags, context.env)
    await using connection = await connect(context.env['DATABASE_URL'] || undefined)
    const log = flags.pgbouncerLog === undefined ? {} : { pgbouncerLog: readLog(flags.pgbouncerLog) }
    const result = await auditLive({
      connection,
      profile,
      excludeRoles: flags.excludeRole,
      signal: context.signal,
      ...log,
    })
    if (flags.json === true) await context.printJson<LiveOutput>(result)
    else await context.print(render(result))
    if (result.findings.length > 0) context.exitWith(EXIT.findings)
  })
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`the log ${path} cannot be read: ${errorMessage(error)}`)
  }
}

function render({ findings, skipped }: LiveAuditResult): string {
  const rows = findings.map(({ ruleId, severity, source, subject, message }) => [
    ruleId,
    severity,
    printable(source),
    printable(subject.replaceAll(/\s+/g, ' ')),
    printable(message),
  ])
  const columns = ['RULE', 'SEVERITY', 'SEEN IN', 'SUBJECT', 'WHAT'].map((header) => ({ header }))
  const notes = skipped.map(({ source, reason }) => `not looked at: ${source}: ${reason}`)
  return `${[...(rows.length === 0 ? ['Nothing found.'] : [formatTable(columns, rows, tableWidth(160))]), ...notes].join('\n')}\n`
}
