import type { AuditResult } from '../audit-source.ts'
import { RULES } from '../rules/index.ts'

/** SARIF 2.1.0, as code scanning takes it. */
export function renderSarif({ findings, stats }: AuditResult, version: string): string {
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'pgbouncer-audit',
            semanticVersion: version,
            rules: RULES.map(({ id, title, why, fix }) => ({
              id,
              shortDescription: { text: title },
              fullDescription: { text: why },
              help: { text: fix },
            })),
          },
        },
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: stats.warnings.map(({ file, message }) => ({
              level: 'warning',
              message: { text: message },
              locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) } } }],
            })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ ruleId, severity, confidence, file, line, column, message, fix }) => ({
          ruleId,
          level: severity,
          message: { text: `${message}. ${fix}` },
          properties: { confidence },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(file) },
                region: { startLine: line, startColumn: column },
              },
            },
          ],
        })),
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function uriOf(file: string): string {
  return file.split('/').map(encodeURIComponent).join('/')
}
