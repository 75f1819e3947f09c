import type { CheckOutcome, VerificationReport } from './report.ts'

/**
 * The report as JUnit XML, for CI: one test case per check.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { fileStore } from '@ops/object-store'
 * import { renderJunit, verifyRestore } from '@ops/restore-verify'
 *
 * const report = await verifyRestore({ store: fileStore({ folder: '/backups' }), database: 'app' })
 * await writeFile('drill.xml', renderJunit(report))
 * ```
 */
export function renderJunit(report: VerificationReport): string {
  const { backup, checks, differences, durationMs, startedAt } = report
  const count = (result: CheckOutcome['result']): number =>
    checks.filter((each) => each.result === result).length
  const attributes = attributesOf({
    name: `restore drill of ${backup.database} ${backup.id}`,
    tests: checks.length,
    failures: count('fail'),
    errors: 0,
    skipped: count('skipped'),
    time: seconds(durationMs),
    timestamp: startedAt.replace(/\.\d+Z$/, ''),
  })
  const cases = checks.map((check) => testCase(check, report))
  const properties = Object.entries({
    cluster: backup.cluster,
    store: backup.store,
    'backup.age.seconds': seconds(backup.ageMs),
    'recovery.seconds': report.recoveryMs === null ? '' : seconds(report.recoveryMs),
    verdict: report.verdict,
    differences: String(differences.length),
  }).map(([name, value]) => `    <property${attributesOf({ name, value })}/>`)
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite${attributes}>
    <properties>
${properties.map((line) => `  ${line}`).join('\n')}
    </properties>
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}

function testCase(outcome: CheckOutcome, { backup, differences }: VerificationReport): string {
  const { check, result, reason = '', durationMs } = outcome
  const attributes = attributesOf({
    name: check,
    classname: `${backup.cluster}.${backup.database}`,
    time: seconds(durationMs),
  })
  if (result === 'pass') return `    <testcase${attributes}/>`
  if (result === 'skipped')
    return `    <testcase${attributes}><skipped${attributesOf({ message: reason })}/></testcase>`
  const found = differences.filter((difference) => difference.check === check)
  const [first] = found
  const message = first === undefined ? 'failed' : `${first.object}: ${first.problem}`
  const lines = found.map(({ object, problem, expected, actual }) =>
    [
      `${object}: ${problem}`,
      ...(expected === undefined ? [] : [`  expected: ${expected}`]),
      ...(actual === undefined ? [] : [`  restored: ${actual}`]),
    ].join('\n'),
  )
  return `    <testcase${attributes}><failure${attributesOf({ message, type: check })}>${escape(lines.join('\n'))}</failure></testcase>`
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}

function attributesOf(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escape(String(value)).replaceAll('\n', '&#10;')}"`)
    .join('')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML 1.0 has no way to write most control characters, lone surrogates and U+FFFE: they become U+FFFD. */
function escape(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\t\n\r]|[\uFFFE\uFFFF]/gu, '\uFFFD')
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!)
}
