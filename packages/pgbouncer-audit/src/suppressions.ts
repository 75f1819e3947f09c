import type { Finding } from './finding.ts'

/** A comment that accepts findings, for a reason. */
export interface Suppression {
  readonly ruleIds: readonly string[]
  readonly reason: string
  /** From 1. */
  readonly line: number
  /** Findings on these lines are accepted; `null` for the whole file. */
  readonly covers: readonly number[] | null
}

const COMMENT =
  /(?:\/\/|\/\*+|--|#|<!--|\*)\s*pgbouncer-audit-ignore(-file|-next-line|-line)?\b[ \t]*([^\n]*)/g

/** `// pgbouncer-audit-ignore PGB010: the lock is taken by a single-connection worker`. */
function readSuppressions(source: string): Suppression[] {
  if (!source.includes('pgbouncer-audit-ignore')) return []
  const lines = source.split('\n')
  return lines.flatMap((text, index) => {
    const match = new RegExp(COMMENT.source).exec(text)
    if (match === null) return []
    const [ids, reason] = splitReason(match[2]!.replace(/\s*(?:\*\/|-->).*$/, ''))
    const line = index + 1
    // A comment alone on its line speaks of the next line of code.
    const standsAlone = text.slice(0, match.index).trim() === ''
    const covers = match[1] === '-file' ? null : standsAlone ? [line, nextCodeLine(lines, index)] : [line]
    return [{ ruleIds: ids.match(/PGB\d{3}/g) ?? [], reason: reason.trim(), line, covers }]
  })
}

function splitReason(text: string): [string, string] {
  const match = /^((?:PGB\d{3}[\s,]*)*)(?::|--?|–|—)?\s*(.*)$/.exec(text.trim())
  return [match?.[1] ?? '', match?.[2] ?? '']
}

function nextCodeLine(lines: readonly string[], index: number): number {
  let next = index + 1
  while (next < lines.length && /^\s*(?:$|\/\/|\*|--|#)/.test(lines[next]!)) next += 1
  return next + 1
}

export interface SuppressionOutcome {
  readonly findings: readonly Finding[]
  readonly suppressed: number
}

/** Takes accepted findings out, and adds one for each comment that has no reason or accepts nothing. */
export function applySuppressions(
  file: string,
  source: string,
  findings: readonly Finding[],
): SuppressionOutcome {
  const suppressions = readSuppressions(source)
  if (suppressions.length === 0) return { findings, suppressed: 0 }
  const used = new Set<Suppression>()
  const kept = findings.filter((finding) => {
    const accepting = suppressions.find((each) => accepts(each, finding))
    if (accepting !== undefined) used.add(accepting)
    return accepting === undefined
  })
  const complaints = suppressions.flatMap((each) => complaint(file, each, used.has(each)))
  return { findings: [...kept, ...complaints], suppressed: findings.length - kept.length }
}

function accepts(suppression: Suppression, finding: Finding): boolean {
  if (suppression.reason === '' || !suppression.ruleIds.includes(finding.ruleId)) return false
  return suppression.covers === null || suppression.covers.includes(finding.line)
}

function complaint(file: string, suppression: Suppression, isUsed: boolean): Finding[] {
  if (isUsed) return []
  const base = { severity: 'warning', confidence: 'high', file, line: suppression.line, column: 1 } as const
  if (suppression.reason === '' || suppression.ruleIds.length === 0) {
    return [
      {
        ...base,
        ruleId: 'PGB091',
        message: 'This suppression names no rule or gives no reason, and is not applied',
        why: 'A hazard that is accepted without a reason cannot be reviewed.',
        fix: 'Write `pgbouncer-audit-ignore PGB010: why it is safe here`.',
      },
    ]
  }
  return [
    {
      ...base,
      ruleId: 'PGB090',
      message: `This suppression of ${suppression.ruleIds.join(', ')} accepts nothing any more`,
      why: 'A suppression that outlives its hazard hides the next one.',
      fix: 'Remove the comment.',
    },
  ]
}
