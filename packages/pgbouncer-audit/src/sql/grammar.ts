import { loadModule, parseSync, scanSync, type Node, type RawStmt, type ScanToken } from 'libpg-query'

export type { Node, RawStmt, ScanToken }

/** A file of SQL beyond this is cut into statements before it is parsed, so that one bad statement costs only itself. */
const WHOLE_PARSE_LIMIT = 256 * 1024

/** PostgreSQL's own grammar, compiled to WebAssembly. Must be awaited once before {@link parseSql}. */
export function loadGrammar(): Promise<void> {
  return loadModule()
}

/** The statements in `sql`, or `undefined` where it is not PostgreSQL's SQL. */
export function parseSql(sql: string): RawStmt[] | undefined {
  if (sql.length > WHOLE_PARSE_LIMIT) return undefined
  return withoutStackTraces(() => parseSync(sql).stmts ?? [])
}

/** Most texts are no SQL, and collecting the stack of an error that nobody reads costs more than parsing. */
function withoutStackTraces<T>(work: () => T): T | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return work()
  } catch {
    return undefined
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** The tokens of `sql` without comments, or `undefined` where not even those can be told apart. */
export function scanSql(sql: string): ScanToken[] | undefined {
  return withoutStackTraces(() =>
    scanSync(sql).tokens.filter((token) => !token.tokenName.endsWith('COMMENT')),
  )
}

/** Turns an offset in UTF-8 bytes, as PostgreSQL counts, into an offset in `sql`. */
export function byteOffsets(sql: string): (byteOffset: number) => number {
  // eslint-disable-next-line no-control-regex -- the test for ASCII is the point
  if (/^[\u0000-\u007F]*$/.test(sql)) return (offset) => offset
  const bytes = Buffer.from(sql)
  return (offset) => bytes.toString('utf8', 0, offset).length
}
