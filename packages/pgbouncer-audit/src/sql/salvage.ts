import { parseSql, type Node, type ScanToken } from './grammar.ts'

/** Functions whose calls are looked for in statements that do not parse. */
const FUNCTIONS = /^(?:pg_(?:try_)?advisory_(?:lock|unlock)(?:_shared|_all)?|set_config|currval|lastval)$/i

/** A hazardous part of a statement that does not parse, written so that it does. */
export interface Salvaged {
  readonly node: Node
  /** Offset in the SQL text. */
  readonly at: number
}

/**
 * Recognises what matters in a statement that the grammar refuses, because a fragment of it is
 * only known at run time, or because it is PL/pgSQL: the words it begins with, and its calls.
 */
export function salvageSegment(
  tokens: readonly ScanToken[],
  sql: string,
  characters: (byteOffset: number) => number,
): Salvaged[] {
  const salvaged: Salvaged[] = []
  const add = (text: string | undefined, token: ScanToken): void => {
    const node = text === undefined ? undefined : parseSql(text)?.[0]?.stmt
    if (node !== undefined) salvaged.push({ node, at: characters(token.start) })
  }
  add(leadingStatement(tokens.map((token) => token.text)), tokens[0]!)
  for (const [index, token] of tokens.entries()) {
    if (!FUNCTIONS.test(token.text) || tokens[index + 1]?.text !== '(') continue
    const end = closingToken(tokens, index + 1)
    const call = end === undefined ? '' : sql.slice(characters(token.start), characters(end.end))
    add(
      call === '' || parseSql(`SELECT ${call}`) === undefined ? `SELECT ${token.text}()` : `SELECT ${call}`,
      token,
    )
  }
  if (/^execute$/i.test(tokens[0]!.text)) salvaged.push(...dynamicSql(tokens, characters))
  return salvaged
}

function closingToken(tokens: readonly ScanToken[], open: number): ScanToken | undefined {
  let depth = 0
  for (const token of tokens.slice(open)) {
    if (token.text === '(') depth += 1
    else if (token.text === ')' && (depth -= 1) === 0) return token
  }
  return undefined
}

/** The first words of a statement as a statement of their own. */
function leadingStatement(words: readonly string[]): string | undefined {
  const text = words.slice(0, 12).join(' ').replaceAll(' . ', '.')
  const set = /^set (session |local )?([\w".]+) (?:=|to) /i.exec(text)
  if (set !== null) return `SET ${set[1] ?? ''}${set[2]} TO DEFAULT`
  const role = /^set (session |local )?(role|session authorization) (\w+|")/i.exec(text)
  if (role !== null) return `SET ${role[1] ?? ''}${role[2]} some_role`
  const temp =
    /^create (?:or replace )?(?:global |local )?temp(?:orary)? (table|view|sequence) (if not exists )?([\w".]+)/i.exec(
      text,
    )
  if (temp !== null) return temporaryObject(temp[1]!, temp[3]!, words)
  if (/^declare \S+ .*cursor with hold /i.test(text)) return 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'
  if (/^prepare \w+ (?:as|\() /i.test(text)) return 'PREPARE p AS SELECT 1'
  return undefined
}

function temporaryObject(kind: string, name: string, words: readonly string[]): string {
  const dropsOnCommit = /on commit drop/i.test(words.join(' '))
  if (kind.toLowerCase() === 'table')
    return `CREATE TEMP TABLE ${name} (c int)${dropsOnCommit ? ' ON COMMIT DROP' : ''}`
  return kind.toLowerCase() === 'view'
    ? `CREATE TEMP VIEW ${name} AS SELECT 1`
    : `CREATE TEMP SEQUENCE ${name}`
}

/** PL/pgSQL's `EXECUTE 'SET …'` and `EXECUTE format('SET … %I', x)`. */
function dynamicSql(tokens: readonly ScanToken[], characters: (byteOffset: number) => number): Salvaged[] {
  const literal = tokens.find(
    (token) => /^(?:'|E'|\$)/i.test(token.text) && token.tokenName.endsWith('CONST'),
  )
  if (literal === undefined) return []
  const text = literal.text
    .replace(/^E?'|'$/gi, '')
    .replaceAll("''", "'")
    .replace(/%(?:\d+\$)?[ILs]/g, 'p')
  const statements = parseSql(text) ?? parseSql(`${text} p`) ?? []
  return statements.flatMap(({ stmt }) =>
    stmt === undefined ? [] : [{ node: stmt, at: characters(literal.start) }],
  )
}
