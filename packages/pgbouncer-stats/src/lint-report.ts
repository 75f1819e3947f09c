import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LintReport } from './lint-config.ts'

/** One finding in three lines, for people and for editors that follow `file:line`. */
export function renderLintText({ findings, version }: LintReport): string {
  if (findings.length === 0) return `no findings (checked as PgBouncer ${version})\n`
  const blocks = findings.map(
    ({ file, line, severity, rule, message, fix }) =>
      `${file}:${line}: ${severity}: ${message} [${rule}]\n    ${fix}\n`,
  )
  const total = findings.length === 1 ? '1 finding' : `${findings.length} findings`
  return `${blocks.join('')}${total} (checked as PgBouncer ${version})\n`
}

/** SARIF 2.1.0, as code hosts and editors read it. */
export function renderSarif({ findings }: LintReport): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))].toSorted()
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'pgbouncer-stats', rules: rules.map((id) => ({ id })) } },
        results: findings.map(({ rule, severity, message, fix, file, line }) => ({
          ruleId: rule,
          ruleIndex: rules.indexOf(rule),
          level: severity,
          message: { text: `${message}. ${fix}` },
          locations: [
            { physicalLocation: { artifactLocation: { uri: fileUri(file) }, region: { startLine: line } } },
          ],
        })),
      },
    ],
  }
}

function fileUri(file: string): string {
  return isAbsolute(file) ? pathToFileURL(file).href : encodeURI(file.replaceAll('\\', '/'))
}
