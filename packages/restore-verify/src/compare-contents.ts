import type { Manifest } from '@ops/pg-backup'
import { isDatabaseLevel, type ArchiveContents } from '@ops/pg-backup/archive'
import type { Difference, TableContent, TableVerdict } from './report.ts'

export interface ComparedContents {
  readonly tables: readonly TableVerdict[]
  readonly differences: readonly Difference[]
}

export interface CompareOptions {
  /** What the backup holds, by its manifest. */
  readonly expected: Manifest
  /** What the restored database holds. */
  readonly actual: ArchiveContents
  readonly actualExtensions: Manifest['extensions']
  /** @default true */
  readonly compareOwners?: boolean
  /** @default true */
  readonly comparePrivileges?: boolean
}

/** Compares what came back with what was backed up. Pure; the order of anything does not matter. */
export function compareContents(options: CompareOptions): ComparedContents {
  const { expected, actual, actualExtensions } = options
  const tables = compareTables(expected.tables, actual.tables)
  return {
    tables,
    differences: [
      ...tables.filter((table) => table.verdict !== 'equal').map(describeTable),
      ...compareByName('sequence', values(expected.sequences), values(actual.sequences)),
      ...compareLargeObjects(expected.largeObjects, actual.largeObjects),
      ...compareByName(
        'schema object',
        definitions(expected.schemaObjects, options),
        definitions(actual.objects, options),
      ),
      ...compareByName('extension', versions(expected.extensions), versions(actualExtensions)),
    ],
  }
}

type Table = Manifest['tables'][number]

function compareTables(expected: readonly Table[], actual: readonly Table[]): TableVerdict[] {
  const found = new Map(actual.map((table) => [qualified(table), table]))
  const verdicts = expected.map((table): TableVerdict => {
    const other = found.get(qualified(table))
    found.delete(qualified(table))
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
  const extra = [...found.values()].map((table): TableVerdict => ({
    schema: table.schema,
    name: table.name,
    verdict: 'extra',
    actual: content(table),
  }))
  return [...verdicts, ...extra]
}

function content({ rows, bytes, digest }: TableContent): TableContent {
  return { rows, bytes, digest }
}

function describeTable(table: TableVerdict): Difference {
  const { expected, actual } = table
  return {
    kind: 'table',
    object: qualified(table),
    problem: tableProblem(table),
    ...(expected === undefined
      ? {}
      : { expected: `${expected.rows} rows, ${expected.bytes} bytes, ${expected.digest}` }),
    ...(actual === undefined
      ? {}
      : { actual: `${actual.rows} rows, ${actual.bytes} bytes, ${actual.digest}` }),
  }
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

function compareLargeObjects(
  expected: Manifest['largeObjects'],
  actual: ArchiveContents['largeObjects'],
): Difference[] {
  if (expected.count === actual.count && expected.bytes === actual.bytes && expected.digest === actual.digest)
    return []
  const text = (each: Manifest['largeObjects']): string =>
    `${each.count} objects, ${each.bytes} bytes, ${each.digest}`
  const problem =
    expected.count === actual.count
      ? 'their content differs'
      : `there are ${count(actual.count)} instead of ${count(expected.count)}`
  return [
    {
      kind: 'large objects',
      object: 'large objects',
      problem,
      expected: text(expected),
      actual: text(actual),
    },
  ]
}

/** Named things with a comparable text; several may share a name (overloads that differ in nothing but a comment, say). */
type Named = readonly (readonly [name: string, text: string])[]

function values(sequences: Manifest['sequences']): Named {
  return sequences.map((sequence) => [qualified(sequence), sequence.value])
}

function versions(extensions: Manifest['extensions']): Named {
  return extensions.map((extension) => [extension.name, `${extension.version} in schema ${extension.schema}`])
}

const PRIVILEGE_TYPES = new Set(['ACL', 'DEFAULT ACL'])

function definitions(objects: Manifest['schemaObjects'], options: CompareOptions): Named {
  return objects
    .filter((object) => !isDatabaseLevel(object))
    .filter((object) => options.comparePrivileges !== false || !PRIVILEGE_TYPES.has(object.type))
    .map((object) => [
      `${object.type} ${qualified(object)}`,
      options.compareOwners === false ? object.digest : `${object.digest}, owner ${object.owner}`,
    ])
}

function compareByName(kind: Difference['kind'], expected: Named, actual: Named): Difference[] {
  const wanted = grouped(expected)
  const found = grouped(actual)
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((object): Difference[] => {
    const [want, have] = [wanted.get(object), found.get(object)]
    if (want === have) return []
    if (have === undefined) return [{ kind, object, problem: 'it did not come back', expected: want! }]
    if (want === undefined)
      return [
        { kind, object, problem: 'it is in the restored database and not in the manifest', actual: have },
      ]
    return [{ kind, object, problem: 'it differs', expected: want, actual: have }]
  })
}

function grouped(named: Named): Map<string, string> {
  const groups = Map.groupBy(named, ([name]) => name)
  return new Map(
    [...groups].map(([name, members]) => [
      name,
      members
        .map(([, text]) => text)
        .toSorted()
        .join('; '),
    ]),
  )
}

function qualified({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return schema === '' ? name : `${schema}.${name}`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function rows(value: number): string {
  return `${count(value)} ${value === 1 ? 'row' : 'rows'}`
}
