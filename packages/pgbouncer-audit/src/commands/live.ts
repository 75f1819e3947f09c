import type { Command } from 'commander'
import { EXIT, formatTable, type CliContext } from '@ops/internal-cli'
import { auditLive, type LiveAuditResult } from '../live/audit-live.ts'
import { connect } from './connect.ts'
import { addProfileOptions, resolveProfile, type ProfileFlags } from './profile-options.ts'

export function addLive(program: Command, context: CliContext): void {
  const command = program
    .command('live')
    .description(
      'looks into the running database (DATABASE_URL or PG*; connect directly, not through the pooler)',
    )
    .option('--json', 'print the result as JSON')
  addProfileOptions(command).action(async (flags: ProfileFlags & { json?: boolean }) => {
    const profile = await resolveProfile(flags, context.env)
    await using connection = await connect(context.env['DATABASE_URL'] || undefined)
    const result = await auditLive({ connection, profile, signal: context.signal })
    if (flags.json === true) await context.printJson(result)
    else await context.print(render(result))
    if (result.findings.length > 0) context.exitWith(EXIT.findings)
  })
}

function render({ findings, skipped }: LiveAuditResult): string {
  const rows = findings.map(({ ruleId, severity, source, subject, message }) => [
    ruleId,
    severity,
    source,
    subject.replaceAll(/\s+/g, ' '),
    message,
  ])
  const columns = ['rule', 'severity', 'seen in', 'subject', 'what'].map((header) => ({ header }))
  const notes = skipped.map(({ source, reason }) => `not looked at: ${source}: ${reason}`)
  return `${[...(rows.length === 0 ? ['Nothing found.'] : [formatTable(columns, rows, 160)]), ...notes].join('\n')}\n`
}
