import type { Node } from './grammar.ts'

/** Calls `visit` for each node of a PostgreSQL syntax tree, outermost first. */
export function walkSql(node: unknown, visit: (tag: string, body: Record<string, unknown>) => void): void {
  if (Array.isArray(node)) {
    for (const each of node) walkSql(each, visit)
    return
  }
  if (typeof node !== 'object' || node === null) return
  for (const [key, value] of Object.entries(node)) {
    if (typeof value !== 'object' || value === null) continue
    if (/^[A-Z]/.test(key)) visit(key, value as Record<string, unknown>)
    walkSql(value, visit)
  }
}

export interface FunctionCall {
  /** Without the schema `pg_catalog`; with any other schema. */
  readonly name: string
  readonly args: readonly Node[]
  /** In bytes, as PostgreSQL counts. */
  readonly location: number
}

/** Every function called anywhere in `node`. */
export function functionCalls(node: Node): FunctionCall[] {
  const calls: FunctionCall[] = []
  walkSql(node, (tag, body) => {
    if (tag !== 'FuncCall') return
    const path = (body['funcname'] as Node[]).map((part) =>
      'String' in part ? (part.String.sval ?? '') : '',
    )
    if (path[0] === 'pg_catalog') path.shift()
    calls.push({
      name: path.join('.').toLowerCase(),
      args: (body['args'] as Node[] | undefined) ?? [],
      location: (body['location'] as number | undefined) ?? 0,
    })
  })
  return calls
}

/** The value of a constant: text, a number or a boolean; `undefined` for anything else. */
export function constantValue(node: Node | undefined): string | number | boolean | undefined {
  if (node === undefined) return undefined
  if ('TypeCast' in node) return constantValue(node.TypeCast.arg)
  if (!('A_Const' in node)) return undefined
  const constant = node.A_Const
  if (constant.sval !== undefined) return constant.sval.sval ?? ''
  if (constant.boolval !== undefined) return constant.boolval.boolval ?? false
  if (constant.ival !== undefined) return constant.ival.ival ?? 0
  return undefined
}
