import { setFlagsFromString } from 'node:v8'
import type { Node, RawStmt, ScanToken } from 'libpg-query'

export type { Node, RawStmt, ScanToken }

/** A file of SQL beyond this is cut into statements before it is parsed, so that one bad statement costs only itself. */
const WHOLE_PARSE_LIMIT = 256 * 1024

type Grammar = typeof import('libpg-query')

/** Loaded once for the whole process, as any module is. */
let loading: Promise<void> | undefined
let grammar: Grammar | undefined

/** PostgreSQL's own grammar, compiled to WebAssembly. Must be awaited once before {@link parseSql}. */
export function loadGrammar(): Promise<void> {
  loading ??= compileGrammar()
  return loading
}

/**
 * V8's optimising compiler takes 500 MiB, and more time than it saves, for the one huge function that
 * the grammar is. V8 reads these flags when it compiles a function, which is when it is first called,
 * and keeps to them for that function.
 */
const OPTIMISING = ['wasm-tier-up', 'wasm-dynamic-tiering']

async function compileGrammar(): Promise<void> {
  for (const flag of OPTIMISING) setFlagsFromString(`--no-${flag}`)
  try {
    grammar = await import('libpg-query')
    await grammar.loadModule()
    grammar.parseSync('SELECT 1')
  } finally {
    for (const flag of OPTIMISING) setFlagsFromString(`--${flag}`)
  }
}

function loadedGrammar(): Grammar {
  if (grammar === undefined) throw new Error('the grammar is not loaded; await loadGrammar() first')
  return grammar
}

/** The statements in `sql`, or `undefined` where it is not PostgreSQL's SQL. */
export function parseSql(sql: string): RawStmt[] | undefined {
  if (sql.length > WHOLE_PARSE_LIMIT) return undefined
  const { parseSync } = loadedGrammar()
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
  const { scanSync } = loadedGrammar()
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
