import { createHash } from 'node:crypto'
import type { RowSums } from './row-reader.ts'

/** What a table holds, whatever the physical order of its rows. */
export interface TableDigest {
  schema: string
  name: string
  /** The column list of its COPY statement, such as `(id, "Name")`. */
  columns: string
  rows: number
  /** Bytes of its rows as COPY writes them, newlines included. */
  bytes: number
  /** `ops1:` and 128 bits in hex; docs/DIGEST.md says how it is made and what it can miss. */
  digest: string
}

/** The rows of one data entry. */
export interface TableRows extends RowSums {
  readonly schema: string
  readonly name: string
  readonly columns: string
}

const IDENTIFIER = '(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_$]*)'
const COPY = new RegExp(`^COPY ${IDENTIFIER}\\.${IDENTIFIER} (?:(\\(.*\\)) )?\\s*FROM stdin;\\n$`, 's')

/** The column list of a COPY statement as pg_dump writes it; undefined where it is another statement. */
export function columnsOfCopy(statement: string): string | undefined {
  const match = COPY.exec(statement)
  return match === null ? undefined : (match[1] ?? '()')
}

/** Names the construction of the digests (docs/DIGEST.md); every digest begins with it. */
export const DIGEST_NAME = 'ops1'

/**
 * One digest per table. Several data entries of one table and the same columns count as one: sums
 * of sums are the sums of all rows.
 */
export function digestTables(parts: readonly TableRows[]): TableDigest[] {
  const tables = Map.groupBy(parts, ({ schema, name, columns }) => JSON.stringify([schema, name, columns]))
  return [...tables.values()].map((of) => digestTable(of.reduce(addRows)))
}

function addRows(left: TableRows, right: TableRows): TableRows {
  return {
    ...left,
    rows: left.rows + right.rows,
    bytes: left.bytes + right.bytes,
    sum1: BigInt.asUintN(64, left.sum1 + right.sum1),
    sum2: BigInt.asUintN(64, left.sum2 + right.sum2),
  }
}

function digestTable({ schema, name, columns, rows, bytes, sum1, sum2 }: TableRows): TableDigest {
  const facts = `${DIGEST_NAME} ${rows} ${bytes} ${hex64(sum1)}${hex64(sum2)} ${columns}`
  const digest = `${DIGEST_NAME}:${createHash('sha256').update(facts).digest('hex').slice(0, 32)}`
  return { schema, name, columns, rows, bytes, digest }
}

function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}
