import { stripVTControlCharacters, styleText } from 'node:util'
import type { AuditResult } from '../audit-source.ts'
import type { Finding } from '../finding.ts'
import { describeProfile } from '../profile.ts'

const FRAME_WIDTH = 120

/** For people: each finding with its line of code, why it breaks and what to do. */
export function renderPretty(result: AuditResult, linesOf: (file: string) => readonly string[]): string {
  const blocks = result.findings.map((finding) => renderFinding(finding, linesOf(finding.file)))
  return `${[...blocks, renderSummary(result)].join('\n\n')}\n`
}

function renderFinding(finding: Finding, lines: readonly string[]): string {
  const paint = styleText(finding.severity === 'error' ? 'red' : 'yellow', finding.severity)
  const head = `${styleText('bold', `${finding.file}:${finding.line}:${finding.column}`)} ${paint} ${finding.ruleId} ${finding.message}`
  const frame = renderFrame(finding, lines[finding.line - 1])
  return [
    head,
    ...frame,
    `  ${styleText('dim', 'why:')} ${finding.why}`,
    `  ${styleText('dim', 'fix:')} ${finding.fix}`,
  ].join('\n')
}

/** The line, cut to the part around the hazard. A file is not to be trusted with the terminal. */
function renderFrame(finding: Finding, line: string | undefined): string[] {
  if (line === undefined) return []
  const clean = stripVTControlCharacters(line).replaceAll('\t', ' ').trimEnd()
  const start = Math.max(0, Math.min(finding.column - 1, clean.length) - FRAME_WIDTH / 2)
  const gutter = `  ${String(finding.line).padStart(5)} │ `
  const pointer = ' '.repeat(gutter.length + finding.column - 1 - start)
  return [
    `${styleText('dim', gutter)}${clean.slice(start, start + FRAME_WIDTH)}`,
    `${pointer}${styleText('red', '^')}`,
  ]
}

function renderSummary({ findings, profile, stats }: AuditResult): string {
  const errors = findings.filter((finding) => finding.severity === 'error').length
  const counts =
    findings.length === 0 ? 'Nothing found' : `${errors} errors, ${findings.length - errors} warnings`
  const notes = stats.warnings.map(
    ({ file, message }) => `${styleText('yellow', 'not audited:')} ${file}: ${message}`,
  )
  return [
    ...notes,
    `${counts} in ${stats.files} files (${stats.parsedFiles} parsed, ${stats.statements} statements, ${stats.suppressed} suppressed, ${stats.onDirectConnections} on direct connections)`,
    `Assumed: ${describeProfile(profile)}`,
  ].join('\n')
}
