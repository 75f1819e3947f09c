import type { AuditResult } from '../audit-source.ts'

/** Workflow commands that GitHub Actions shows beside the changed lines. */
export function renderGithub({ findings, stats }: AuditResult): string {
  const lines = findings.map(({ severity, file, line, column, ruleId, message, fix }) => {
    const properties = `file=${property(file)},line=${line},col=${column},title=${property(ruleId)}`
    return `::${severity} ${properties}::${data(`${message}. ${fix}`)}`
  })
  const notes = stats.warnings.map(
    ({ file, message }) => `::notice file=${property(file)}::${data(`Not audited: ${message}`)}`,
  )
  return [...lines, ...notes].map((line) => `${line}\n`).join('')
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
