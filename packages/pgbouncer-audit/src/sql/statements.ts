import { byteOffsets, parseSql, scanSql, type Node, type RawStmt, type ScanToken } from './grammar.ts'
import { blankPsql, replacePlaceholders } from './placeholders.ts'
import { salvageSegment } from './salvage.ts'
import { routineBody } from './routine-body.ts'
import { HOLE, renderSql, type HoleStyle, type RenderedSql, type SqlText } from './text.ts'

/** One statement that was found in a file. */
export interface SqlStatement {
  readonly node: Node
  /** Offset in the file of its first word. */
  readonly at: number
  /** `salvaged`: the whole does not parse, but its hazardous part was recognised. */
  readonly reading: 'parsed' | 'salvaged'
  /** In the body of a function, procedure or DO block, which always runs inside a transaction. */
  readonly inRoutine: boolean
  /** The offset in the file for a location in the syntax tree. */
  locate(location: number | undefined): number
}

/** What the text may be. */
export interface ReadOptions {
  /** The text is certainly meant as SQL: recognise hazards even where it does not parse. */
  readonly isCertainlySql: boolean
}

/**
 * Reads the statements in `text`. A text with holes is tried with names in them, then with
 * parameters, then with nothing; a fragment is tried as an expression; what still does not parse
 * is cut at its semicolons, and read piece by piece.
 */
export function readStatements(text: SqlText, options: ReadOptions): SqlStatement[] {
  // `SELECT` with nothing after it is a statement; nothing at all is none.
  if (!text.some((piece) => piece.kind === 'hole' || /\S/.test(piece.text))) return []
  const hasHoles = text.some((piece) => piece.kind === 'hole')
  const styles: HoleStyle[] = hasHoles ? ['identifier', 'parameter', 'nothing'] : ['nothing']
  const renderings = styles.map((style) => renderSql(text, style))
  for (const rendered of renderings) {
    for (const sql of spellings(rendered.sql)) {
      const statements = parseSql(sql)
      if (statements !== undefined) return statements.flatMap((raw) => fromRaw(raw, sql, rendered))
    }
  }
  for (const rendered of renderings) {
    const fragment = readFragment(rendered)
    if (fragment !== undefined) return fragment
  }
  return options.isCertainlySql ? readSegments(renderings[0]!) : []
}

/** Where the statements begin that are not PostgreSQL's SQL, in a script of many. */
export function unparsedStatements(sql: string): number[] {
  if (spellings(sql).some((spelling) => parseSql(spelling) !== undefined)) return []
  const text = replacePlaceholders(sql)
  const characters = byteOffsets(text)
  return splitTokens(scanSql(text) ?? [], false).flatMap((segment) => {
    const start = characters(segment[0]!.start)
    return parseSql(text.slice(start, characters(segment.at(-1)!.end))) === undefined ? [start] : []
  })
}

/** As it stands, and in a form the grammar accepts; all of one length. */
function spellings(sql: string): string[] {
  const replaced = replacePlaceholders(sql)
  return replaced === sql ? [sql] : [sql, replaced]
}

/** `pg_advisory_lock(1)` alone, as a query builder takes it. */
function readFragment(rendered: RenderedSql): SqlStatement[] | undefined {
  const prefix = 'SELECT '
  for (const sql of spellings(rendered.sql)) {
    const [raw] = parseSql(prefix + sql) ?? []
    if (raw === undefined) continue
    const shifted: RenderedSql = {
      sql: prefix + sql,
      sourceOffset: (offset) => rendered.sourceOffset(Math.max(0, offset - prefix.length)),
    }
    return fromRaw(raw, shifted.sql, shifted)
  }
  return undefined
}

function fromRaw(raw: RawStmt, sql: string, rendered: RenderedSql): SqlStatement[] {
  const node = raw.stmt
  if (node === undefined) return []
  const characters = byteOffsets(sql)
  const start = skipBlank(sql, characters(raw.stmt_location ?? 0))
  const statement: SqlStatement = {
    node,
    at: rendered.sourceOffset(start),
    reading: 'parsed',
    inRoutine: false,
    locate: (location) =>
      rendered.sourceOffset(location === undefined || location < 0 ? start : characters(location)),
  }
  return [statement, ...readRoutine(node, sql, start, rendered)]
}

function readRoutine(node: Node, sql: string, start: number, rendered: RenderedSql): SqlStatement[] {
  const body = routineBody(node)
  const bodyStart = body === undefined ? -1 : sql.indexOf(body, start)
  if (body === undefined || bodyStart < 0) return []
  const inner: RenderedSql = {
    sql: body,
    sourceOffset: (offset) => rendered.sourceOffset(bodyStart + offset),
  }
  return readSegments(inner, { splitAtBlocks: true }).map((statement) => ({ ...statement, inRoutine: true }))
}

/** Keywords of PL/pgSQL after which a new statement starts. */
const BLOCK_WORDS = new Set(['begin', 'then', 'else', 'loop', 'declare'])

function readSegments(rendered: RenderedSql, { splitAtBlocks = false } = {}): SqlStatement[] {
  const sql = replacePlaceholders(blankPsql(rendered.sql))
  const tokens = scanSql(sql)
  if (tokens === undefined) return []
  const characters = byteOffsets(sql)
  return splitTokens(tokens, splitAtBlocks).flatMap((segment) => {
    const start = characters(segment[0]!.start)
    const end = characters(segment.at(-1)!.end)
    const inner: RenderedSql = {
      sql: sql.slice(start, end),
      sourceOffset: (offset) => rendered.sourceOffset(start + offset),
    }
    // In PL/pgSQL, EXECUTE runs a string; in SQL it runs a prepared statement.
    const isDynamic = splitAtBlocks && /^execute\b/i.test(inner.sql)
    const parsed = isDynamic ? undefined : parseSql(inner.sql)
    if (parsed !== undefined) return parsed.flatMap((raw) => fromRaw(raw, inner.sql, inner))
    return salvageSegment(segment, sql, characters).map(({ node, at }) => {
      const offset = rendered.sourceOffset(at)
      return { node, at: offset, reading: 'salvaged' as const, inRoutine: false, locate: () => offset }
    })
  })
}

/** Words that only a statement begins with. */
const STATEMENT_WORDS =
  /^(?:select|insert|update|delete|with|create|drop|alter|set|prepare|execute|deallocate|listen|begin|commit)$/i

function splitTokens(tokens: readonly ScanToken[], splitAtBlocks: boolean): ScanToken[][] {
  const segments: ScanToken[][] = [[]]
  for (const token of tokens) {
    const segment = segments.at(-1)!
    // A hole may hold statements of its own: `…; ${more} DEALLOCATE p`.
    const follows =
      segment.length === 1 && segment[0]!.text.startsWith(HOLE) && STATEMENT_WORDS.test(token.text)
    if (follows) segments.push([token])
    else if (token.text === ';') segments.push([])
    else if (splitAtBlocks && BLOCK_WORDS.has(token.text.toLowerCase())) segments.push([])
    else segments.at(-1)!.push(token)
  }
  return segments.filter((segment) => segment.length > 0)
}

function skipBlank(sql: string, offset: number): number {
  return offset + /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(sql.slice(offset))![0].length
}
