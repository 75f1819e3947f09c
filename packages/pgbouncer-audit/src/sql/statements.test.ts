import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadGrammar } from './grammar.ts'
import { readStatements } from './statements.ts'
import { literalSql } from './text.ts'

beforeAll(loadGrammar)

function kinds(sql: string): string[] {
  return readStatements(literalSql(sql), { isCertainlySql: true }).map(({ node }) => Object.keys(node)[0]!)
}

describe('reading statements', () => {
  it.each([
    ['SELECT pg_advisory_lock(?)', ['SelectStmt']],
    ['SELECT pg_advisory_lock(:key)', ['SelectStmt']],
    ['SELECT pg_advisory_lock(${key})', ['SelectStmt']],
    ['SET search_path TO ??', ['VariableSetStmt']],
    ['LISTEN $1~', ['ListenStmt']],
    ['LISTEN %I', ['ListenStmt']],
    ['pg_advisory_lock($1)', ['SelectStmt']],
    ['SET lock_timeout = 1; this is no SQL; LISTEN a', ['VariableSetStmt', 'ListenStmt']],
    ["\\c app\nCOPY a FROM stdin;\n';\n\\.\nLISTEN b;", ['ListenStmt']],
  ])('understands %s', (sql, expected) => {
    expect(kinds(sql)).toEqual(expected)
  })

  it('finds statements in the bodies of routines, and knows that they are there', () => {
    const [, ...inner] = readStatements(
      literalSql(
        'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF true THEN LISTEN a; END IF; END $$',
      ),
      { isCertainlySql: true },
    )
    expect(inner.find(({ node }) => 'ListenStmt' in node)).toMatchObject({ inRoutine: true })
  })

  it('points at the statement, with any text before it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', ' ') }), (comment) => {
        const sql = `/*${comment}*/ SELECT 1; -- ${comment.replaceAll('\n', ' ')}\n LISTEN a`
        const at = readStatements(literalSql(sql), { isCertainlySql: true }).at(-1)!.at
        expect(sql.slice(at)).toBe('LISTEN a')
      }),
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (sql) =>
        Array.isArray(readStatements(literalSql(sql), { isCertainlySql: true })),
      ),
    )
    expect(kinds('')).toEqual([])
  })
})
