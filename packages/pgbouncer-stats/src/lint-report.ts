import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Log, Result } from 'sarif'
import type { TakesEffect } from './config-settings.ts'
import type { LintFinding, LintReport } from './lint-config.ts'

/**
 * One finding in three lines, for people and for editors that follow `file:line`.
 *
 * @example
 * ```ts
 * import { lintConfig, loadConfig, renderLintText } from '@ops/pgbouncer-stats'
 *
 * const report = lintConfig(loadConfig({ file: '/etc/pgbouncer/pgbouncer.ini' }))
 * console.log(renderLintText(report))
 * ```
 */
export function renderLintText({ findings, version }: LintReport): string {
  if (findings.length === 0) return `no findings (checked as PgBouncer ${version})\n`
  const blocks = findings.map(
    ({ file, line, severity, rule, message, fix, takesEffect }) =>
      `${file}:${line}: ${severity}: ${message} [${rule}]\n    ${fix}${effect(takesEffect)}\n`,
  )
  const total = findings.length === 1 ? '1 finding' : `${findings.length} findings`
  return `${blocks.join('')}${total} (checked as PgBouncer ${version})\n`
}

/**
 * SARIF 2.1.0, as code hosts and editors read it.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { lintConfig, loadConfig, renderSarif } from '@ops/pgbouncer-stats'
 *
 * const report = lintConfig(loadConfig({ file: 'pgbouncer.ini' }))
 * await writeFile('pgbouncer.sarif', JSON.stringify(renderSarif(report)))
 * ```
 */
export function renderSarif({ findings }: LintReport): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))].toSorted()
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'pgbouncer-stats', rules: rules.map((id) => ({ id })) } },
        results: findings.map((finding) => sarifResult(finding, rules.indexOf(finding.rule))),
      },
    ],
  } satisfies Log
}

function sarifResult(finding: LintFinding, ruleIndex: number): Result {
  const { rule, severity, message, fix, takesEffect, file, line } = finding
  return {
    ruleId: rule,
    ruleIndex,
    level: severity,
    message: { text: `${message}. ${fix}${effect(takesEffect)}` },
    locations: [
      { physicalLocation: { artifactLocation: { uri: fileUri(file) }, region: { startLine: line } } },
    ],
    ...(takesEffect === undefined ? {} : { properties: { takesEffect } }),
  }
}

/** Such as ` (takes effect: RELOAD)`. */
function effect(takesEffect: TakesEffect | undefined): string {
  if (takesEffect === undefined) return ''
  return ` (takes effect: ${takesEffect === 'reload' ? 'RELOAD' : 'restart'})`
}

function fileUri(file: string): string {
  return isAbsolute(file) ? pathToFileURL(file).href : encodeURI(file.replaceAll('\\', '/'))
}
