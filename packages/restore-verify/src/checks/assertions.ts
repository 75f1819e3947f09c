import { type ProgramError, isProgramError } from '@ops/internal-subprocess'
import { runPsql, type PsqlOptions } from '@ops/pg-backup'
import type { Difference } from '../report.ts'
import type { Findings } from './check-run.ts'

/** Something that must hold in the restored database. */
export interface Assertion {
  /** For the report. */
  readonly name: string
  /**
   * A query of one row and one column: `true`, or with bounds a number. It runs as the drill's role in a
   * read-only transaction; `current_setting('ops.backup_started_at')::timestamptz` is the backup's time.
   */
  readonly sql: string
  readonly min?: number
  readonly max?: number
}

/** Do the user's own assertions hold? */
export async function checkAssertions(
  assertions: readonly Assertion[],
  startedAt: string,
  options: PsqlOptions,
): Promise<Findings> {
  if (assertions.length === 0) return { skipped: 'there are none' }
  const differences: Difference[] = []
  for (const assertion of assertions) {
    const problem = await problemOf(assertion, startedAt, options)
    if (problem !== undefined)
      differences.push({
        check: 'assertions',
        object: assertion.name,
        expected: expectation(assertion),
        ...problem,
      })
  }
  return { differences, note: `${assertions.length} made` }
}

function expectation({ min, max }: Assertion): string {
  if (min === undefined && max === undefined) return 'true'
  if (max === undefined) return `${min} or more`
  return min === undefined ? `${max} or less` : `from ${min} to ${max}`
}

async function problemOf(
  assertion: Assertion,
  startedAt: string,
  options: PsqlOptions,
): Promise<Pick<Difference, 'problem' | 'actual'> | undefined> {
  const actual = await answer(assertion, startedAt, options)
  if (isProgramError(actual)) return { problem: `its query failed: ${actual.stderrTail}` }
  const { min = -Infinity, max = Infinity } = assertion
  if (assertion.min === undefined && assertion.max === undefined)
    return actual === 't' ? undefined : { problem: 'it does not hold', actual }
  const value = Number(actual)
  if (actual === '' || Number.isNaN(value)) return { problem: 'its query gave no number', actual }
  return value >= min && value <= max ? undefined : { problem: 'it is out of bounds', actual }
}

/** The query is a file of its own for psql, so that it may end with or without a semicolon. */
async function answer(
  { sql }: Assertion,
  startedAt: string,
  options: PsqlOptions,
): Promise<string | ProgramError> {
  const script = `BEGIN READ ONLY;\nSET LOCAL ops.backup_started_at = '${startedAt}';\n${sql.trim().replace(/;$/, '')}\n;\nROLLBACK;\n`
  try {
    return await runPsql(script, options)
  } catch (error) {
    if (isProgramError(error) && options.signal?.aborted !== true) return error
    throw error
  }
}
