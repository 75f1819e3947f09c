/**
 * A definition in the words that PostgreSQL has for it when it has read it back once. It does not always write what
 * it reads: a cast of a whole `ARRAY[…]` is handed to each of the elements (`transformTypeCast` of
 * parse_expr.c), so what `status IN ('a', 'b')` of a `varchar` column is dumped as,
 * `(ARRAY['a'::character varying, 'b'::character varying])::text[]`, comes back as
 * `ARRAY[('a'::character varying)::text, ('b'::character varying)::text]`.
 */
export function withElementsCast(definition: string): string {
  const tokens = definition.match(TOKEN) ?? []
  let text = ''
  for (let at = 0; at < tokens.length; at++) {
    const cast = tokens[at] === '(' && !CALLS.test(tokens[at - 1] ?? '') ? castArrayAt(tokens, at) : undefined
    text += cast === undefined ? tokens[at] : cast.text
    if (cast !== undefined) at = cast.end
  }
  return text
}

/** Quoted text is one token, so that nothing in it counts. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$|[\p{L}\p{N}_$]+|./gsu
/** A parenthesis after one of these holds arguments. */
const CALLS = /[\p{L}\p{N}_$"\]]$/u
/** `::type[]`, as `format_type` writes types. */
const ARRAY_CAST =
  /^::((?:"(?:[^"]|"")*"|\(\d+(?:,-?\d+)?\)| (?:varying|precision|with(?:out)? time zone)|[\p{L}\p{N}_$.])+)\[\]/u

/** What `(ARRAY[…])::type[]`, from the token `start` on, is written as, and its last token. */
function castArrayAt(tokens: readonly string[], start: number): { text: string; end: number } | undefined {
  if (tokens[start + 1] !== 'ARRAY' || tokens[start + 2] !== '[') return undefined
  const close = endOf(tokens, start + 2)
  if (close === undefined || tokens[close + 1] !== ')') return undefined
  const rest = tokens.slice(close + 2, close + 2 + MOST_TOKENS_OF_A_TYPE).join('')
  const cast = ARRAY_CAST.exec(rest)
  if (cast === null) return undefined
  let end = close + 1
  for (let length = 0; length < cast[0].length; end++) length += tokens[end + 1]!.length
  return { text: withCast(tokens.slice(start + 1, close + 1), cast[1]!), end }
}

const MOST_TOKENS_OF_A_TYPE = 20

/** `ARRAY[…]` with each element cast; in an array of arrays, theirs. */
function withCast(array: readonly string[], type: string): string {
  const elements = elementsOf(array.slice(2, -1)).map((element) =>
    element[0] === 'ARRAY' && endOf(element, 1) === element.length - 1
      ? withCast(element, type)
      : `(${withElementsCast(element.join(''))})::${type}`,
  )
  return `ARRAY[${elements.join(', ')}]`
}

function elementsOf(tokens: readonly string[]): string[][] {
  const elements: string[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    depth += depthOf(token)
    if (token === ',' && depth === 0) elements.push([])
    else if (token !== ' ' || elements.at(-1)!.length > 0) elements.at(-1)!.push(token)
  }
  return elements
}

/** Where the bracket that opens at `start` is closed. */
function endOf(tokens: readonly string[], start: number): number | undefined {
  let depth = 0
  for (let at = start; at < tokens.length; at++) {
    depth += depthOf(tokens[at]!)
    if (depth === 0) return at
  }
  return undefined
}

function depthOf(token: string): number {
  if (token === '(' || token === '[') return 1
  return token === ')' || token === ']' ? -1 : 0
}
