import type { AuditResult } from '../audit-source.ts'
import { describeProfile } from '../profile.ts'
import { RULES } from '../rules/index.ts'

/** The audit page of a project's database documentation: date, scope, patterns checked, findings. */
export function renderMarkdown({ findings, profile, stats }: AuditResult, scope: string, date: Date): string {
  const rows = findings.map(
    ({ ruleId, severity, confidence, file, line, message, fix }) =>
      `| ${ruleId} | ${severity} | ${confidence} | \`${file.replaceAll('|', '\\|')}:${line}\` | ${cell(message)} | ${cell(fix)} |`,
  )
  const counted = RULES.map(
    ({ id, title }) => `| ${id} | ${title} | ${findings.filter((finding) => finding.ruleId === id).length} |`,
  )
  const parts = [
    '# PgBouncer transaction-mode audit',
    [
      `- **Date:** ${date.toISOString().slice(0, 10)}`,
      `- **Scope:** ${scope} (${stats.files} files, ${stats.parsedFiles} parsed, ${stats.statements} statements)`,
      `- **Assumed:** ${describeProfile(profile)}`,
      `- **Accepted:** ${stats.suppressed} by comment; ${stats.onDirectConnections} on direct connections`,
    ].join('\n'),
    '## Findings',
    rows.length === 0
      ? 'None.'
      : ['| rule | severity | confidence | place | what | fix |', '|---|---|---|---|---|---|', ...rows].join(
          '\n',
        ),
    '## Patterns checked',
    ['| rule | pattern | findings |', '|---|---|---|', ...counted].join('\n'),
    ...(stats.warnings.length === 0
      ? []
      : [
          '## Not audited',
          stats.warnings.map(({ file, message }) => `- \`${file}\`: ${cell(message)}`).join('\n'),
        ]),
  ]
  return `${parts.join('\n\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
