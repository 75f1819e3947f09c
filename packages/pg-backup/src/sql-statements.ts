/**
 * The statements of a script that `pg_dumpall` wrote, without its comments and psql's own commands
 * (`\connect`, `\restrict`). It knows what `pg_dumpall` quotes with: '…', E'…' and "…".
 */
export function splitStatements(script: string): string[] {
  const statements: string[] = []
  let from = 0
  let isStarted = false
  for (let at = 0; at < script.length;) {
    const token = tokenAt(script, at)
    if (token.kind === 'end') {
      if (isStarted) statements.push(script.slice(from, at).trim())
      isStarted = false
    } else if (token.kind === 'text' && !isStarted) {
      from = at
      isStarted = true
    }
    at = token.end
  }
  if (isStarted) statements.push(script.slice(from).trim())
  return statements
}

interface Token {
  readonly kind: 'space' | 'text' | 'end'
  readonly end: number
}

const SPACE = /\s+|--[^\n]*|^\\[^\n]*/my
const ESCAPE_STRING = /[eE]'(?:[^'\\]|\\.|'')*'/sy
const STRING = /'(?:[^']|'')*'/y
const IDENTIFIER = /"(?:[^"]|"")*"/y
const WORD = /[A-Za-z0-9_$\u{80}-\u{10FFFF}]+/uy

function tokenAt(script: string, at: number): Token {
  const space = endOf(SPACE, script, at)
  if (space !== undefined) return { kind: 'space', end: space }
  if (script[at] === ';') return { kind: 'end', end: at + 1 }
  for (const pattern of [ESCAPE_STRING, STRING, IDENTIFIER, WORD]) {
    const end = endOf(pattern, script, at)
    if (end !== undefined) return { kind: 'text', end }
  }
  return { kind: 'text', end: at + 1 }
}

function endOf(pattern: RegExp, script: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(script) ? pattern.lastIndex : undefined
}
