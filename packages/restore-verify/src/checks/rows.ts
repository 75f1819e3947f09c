import type { Manifest } from '@ops/pg-backup'
import type { Difference, TableContent, TableVerdict } from '../report.ts'
import { count, qualified } from './named.ts'

type Table = Manifest['tables'][number]

/** Holds every table as many rows, bytes and the same content as when it was dumped? */
export function compareTables(expected: readonly Table[], actual: readonly Table[]): TableVerdict[] {
  const found = Map.groupBy(actual, qualified)
  const verdicts = expected.map((table): TableVerdict => {
    const other = found.get(qualified(table))?.shift()
    const { schema, name } = table
    if (other === undefined) return { schema, name, verdict: 'missing', expected: content(table) }
    const isEqual =
      table.rows === other.rows &&
      table.bytes === other.bytes &&
      table.digest === other.digest &&
      table.columns === other.columns
    return {
      schema,
      name,
      verdict: isEqual ? 'equal' : 'differs',
      expected: content(table),
      actual: content(other),
    }
  })
  const extra = [...found.values()].flat().map((table): TableVerdict => ({
    schema: table.schema,
    name: table.name,
    verdict: 'extra',
    actual: content(table),
  }))
  return [...verdicts, ...extra]
}

/** One difference for each table that is not equal. */
export function tableDifferences(tables: readonly TableVerdict[]): Difference[] {
  return tables.filter((table) => table.verdict !== 'equal').map(describeTable)
}

function content({ rows, bytes, digest }: TableContent): TableContent {
  return { rows, bytes, digest }
}

function describeTable(table: TableVerdict): Difference {
  const { expected, actual } = table
  return {
    check: 'rows',
    object: qualified(table),
    problem: tableProblem(table),
    ...(expected === undefined ? {} : { expected: contentText(expected) }),
    ...(actual === undefined ? {} : { actual: contentText(actual) }),
  }
}

function contentText({ rows: number, bytes, digest }: TableContent): string {
  return `${number} rows, ${bytes} bytes, ${digest}`
}

function tableProblem({ verdict, expected, actual }: TableVerdict): string {
  if (verdict === 'missing')
    return `it did not come back: its ${rows(expected!.rows)} ${expected!.rows === 1 ? 'is' : 'are'} lost`
  if (verdict === 'extra') return 'it is in the restored database and not in the manifest'
  const lost = expected!.rows - actual!.rows
  if (lost > 0) return `${count(lost)} of ${rows(expected!.rows)} ${lost === 1 ? 'is' : 'are'} missing`
  if (lost < 0) return `it has ${rows(-lost)} more than the ${count(expected!.rows)} that were dumped`
  return `it has the right number of rows (${count(actual!.rows)}), and their content differs`
}

function rows(value: number): string {
  return `${count(value)} ${value === 1 ? 'row' : 'rows'}`
}
