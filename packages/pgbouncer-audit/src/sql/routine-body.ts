import type { Node } from './grammar.ts'

/** The source text of a function, procedure or DO block, where it is in SQL or PL/pgSQL. */
export function routineBody(node: Node): string | undefined {
  if ('DoStmt' in node) return definition(node.DoStmt.args)
  if (!('CreateFunctionStmt' in node)) return undefined
  const { options } = node.CreateFunctionStmt
  const language = option(options, 'language')
  const name = language !== undefined && 'String' in language ? language.String.sval?.toLowerCase() : 'sql'
  return name === 'sql' || name === 'plpgsql' ? definition(options) : undefined
}

function definition(options: readonly Node[] | undefined): string | undefined {
  const as = option(options, 'as')
  if (as === undefined) return undefined
  if ('String' in as) return as.String.sval
  const first = 'List' in as ? as.List.items?.[0] : undefined
  return first !== undefined && 'String' in first ? first.String.sval : undefined
}

function option(options: readonly Node[] | undefined, name: string): Node | undefined {
  for (const each of options ?? []) {
    if ('DefElem' in each && each.DefElem.defname === name) return each.DefElem.arg
  }
  return undefined
}
