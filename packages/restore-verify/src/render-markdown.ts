import { formatBytes, formatCount, formatDuration } from '@ops/internal-cli'
import type { VerificationReport } from './report.ts'
import { verdictSentence } from './verdict-sentence.ts'

const MOST_TABLES = 50
const MOST_DIFFERENCES = 100

/**
 * The report as GitHub-flavoured Markdown, for an issue, a chat or a summary of CI; long lists are cut, and say so.
 *
 * @example
 * ```ts
 * import { appendFile } from 'node:fs/promises'
 * import { fileStore } from '@ops/object-store'
 * import { renderMarkdown, verifyRestore } from '@ops/restore-verify'
 *
 * const report = await verifyRestore({ store: fileStore({ folder: '/backups' }), database: 'app' })
 * await appendFile(process.env['GITHUB_STEP_SUMMARY'] ?? 'drill.md', renderMarkdown(report))
 * ```
 */
export function renderMarkdown(report: VerificationReport): string {
  const { backup, target, recoveryMs, durationMs, differences, checks, phases, tables } = report
  const sections = [
    `# ${report.verdict === 'proven' ? '✅ Proven' : '❌ Disproven'}: ${text(backup.database)}, backup ${code(backup.id)}`,
    verdictSentence(report),
    table(
      ['', ''],
      [
        ['Cluster', text(backup.cluster)],
        ['Backup taken', `${backup.startedAt}, ${formatDuration(backup.ageMs)} before the drill (RPO)`],
        ['Recovery took', recoveryMs === null ? 'not reached' : `${formatDuration(recoveryMs)} (RTO)`],
        ['Drill took', `${formatDuration(durationMs)}, until ${report.finishedAt}`],
        ['Source', `PostgreSQL ${text(backup.serverVersion)}`],
        [
          'Restored on',
          target === null ? 'not reached' : `PostgreSQL ${text(target.serverVersion)} (${target.kind})`,
        ],
        ['Store', code(backup.store)],
      ],
    ),
    ...(differences.length === 0
      ? []
      : [
          '## What differs',
          ...differences
            .slice(0, MOST_DIFFERENCES)
            .map(
              ({ check, object, problem, expected, actual }) =>
                `- **${check}** ${code(object)}: ${text(problem)}` +
                (expected === undefined ? '' : `\n  - expected ${code(expected)}`) +
                (actual === undefined ? '' : `\n  - restored ${code(actual)}`),
            ),
          ...cut(differences.length, MOST_DIFFERENCES),
        ]),
    '## Checks',
    table(
      ['Check', 'Result', 'Says'],
      checks.map(({ check, result, reason }) => [check, result, text(reason ?? '')]),
    ),
    '## Phases',
    table(
      ['Phase', 'Took'],
      phases.map(({ phase, durationMs: took }) => [phase, formatDuration(took)]),
    ),
    ...(tables.length === 0
      ? []
      : [
          '## Tables',
          table(
            ['Table', 'Verdict', 'Rows', 'Bytes', 'Digest'],
            tables
              .toSorted((a, b) => Number(a.verdict === 'equal') - Number(b.verdict === 'equal'))
              .slice(0, MOST_TABLES)
              .map(({ schema, name, verdict, expected, actual }) => {
                const content = (expected ?? actual)!
                const { rows, bytes, digest } = content
                return [
                  code(`${schema}.${name}`),
                  verdict,
                  formatCount(rows),
                  formatBytes(bytes),
                  code(digest),
                ]
              }),
          ),
          ...cut(tables.length, MOST_TABLES),
        ]),
    ...list('Warnings of pg_restore', report.warnings),
    ...list('How the target differed from the source', report.adaptations),
    ...list('Not checked by this drill', report.notChecked),
  ]
  return `${sections.join('\n\n')}\n`
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`## ${title}`, items.map((item) => `- ${text(item)}`).join('\n')]
}

function cut(all: number, shown: number): string[] {
  return all > shown ? [`… and ${formatCount(all - shown)} more, in the JSON report.`] : []
}

/** Names come from a database: nothing in them may be markup, a link or a mention. */
function text(value: string): string {
  return value
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_{}[\]<>#@!~&]/g, (character) => `&#${character.codePointAt(0)};`)
}

/** As code, on one line, fenced by more backticks than it has. */
function code(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ').trim()
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const space = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return line === '' ? '' : `${fence}${space}${line}${space}${fence}`
}
