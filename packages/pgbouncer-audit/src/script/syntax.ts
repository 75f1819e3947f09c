import { nestsTooDeep } from './nesting.ts'
import { parseSync, visitorKeys, type Comment, type Node, type Program } from 'oxc-parser'

export type { Comment, Node }

/** A parsed module: its tree, and the way up from each node. */
export interface Syntax {
  readonly program: Program
  readonly comments: readonly Comment[]
  parent(node: Node): Node | undefined
  /** Every node, outermost first, in the order of the text. */
  readonly nodes: readonly Node[]
  /** A node with everything in it, in the same order. */
  within(node: Node): readonly Node[]
}

export type ParseOutcome = { readonly syntax: Syntax } | { readonly problem: string; readonly at: number }

export type ScriptLanguage = 'js' | 'jsx' | 'ts' | 'tsx' | 'dts'

/** Kept on the nodes themselves: maps of them all would take more memory than they do. */
interface Place {
  parent?: Node
  /** Where the node stands in the order, and the one after the last in it. */
  first: number
  last: number
}

function placeOf(node: Node): Place {
  return node as unknown as Place
}

/** What a file may hold against its name: types in `.js` (Flow's are much the same), JSX in `.ts`. */
const OTHERWISE: Partial<Record<ScriptLanguage, ScriptLanguage>> = { js: 'ts', jsx: 'tsx', ts: 'tsx' }

/** Parses a module; a file with a syntax error has no tree at all. */
export function parseScript(fileName: string, source: string, lang: ScriptLanguage): ParseOutcome {
  if (nestsTooDeep(source)) return { problem: 'it nests deeper than can be analysed', at: 0 }
  const outcome = parseAs(fileName, source, lang)
  const other = OTHERWISE[lang]
  if ('syntax' in outcome || other === undefined) return outcome
  const second = parseAs(fileName, source, other)
  return 'syntax' in second ? second : outcome
}

function parseAs(fileName: string, source: string, lang: ScriptLanguage): ParseOutcome {
  const result = parseSync(fileName, source, { lang, sourceType: 'unambiguous' })
  const { program } = result
  const [error] = result.errors
  if (error !== undefined && program.body.length === 0)
    return { problem: error.message, at: error.labels[0]?.start ?? 0 }
  const nodes: Node[] = []
  const enter = (node: Node): void => {
    const place = placeOf(node)
    place.first = nodes.length
    nodes.push(node)
    for (const child of childrenOf(node)) {
      placeOf(child).parent = node
      enter(child)
    }
    place.last = nodes.length
  }
  enter(program)
  const parent = (node: Node): Node | undefined => placeOf(node).parent
  const within = (node: Node): readonly Node[] => nodes.slice(placeOf(node).first, placeOf(node).last)
  return { syntax: { program, comments: result.comments, parent, nodes, within } }
}

function childrenOf(node: Node): Node[] {
  const children: Node[] = []
  for (const key of visitorKeys[node.type] ?? []) {
    const value = (node as unknown as Record<string, Node | (Node | null)[] | null | undefined>)[key]
    if (Array.isArray(value)) children.push(...value.filter((each) => each !== null))
    else if (value !== null && value !== undefined) children.push(value)
  }
  return children
}

/** The ancestors of `node`, nearest first. */
export function* ancestors(syntax: Syntax, node: Node): Generator<Node> {
  for (let current = syntax.parent(node); current !== undefined; current = syntax.parent(current))
    yield current
}

/** Takes off what changes only the type: `x as T`, `x!`, `(x)`, `await x`, `x satisfies T`. */
export function unwrap(node: Node): Node {
  switch (node.type) {
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'TSInstantiationExpression':
    case 'ParenthesizedExpression':
    case 'ChainExpression':
      return unwrap(node.expression)
    case 'AwaitExpression':
      return unwrap(node.argument)
    default:
      return node
  }
}

export function isFunction(node: Node): boolean {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  )
}

/** The name of `x.name`, `x['name']`, `{ name: … }` or `{ name }`. */
export function keyName(node: Node, computed: boolean): string | undefined {
  if (node.type === 'Identifier') return computed ? undefined : node.name
  if (node.type === 'PrivateIdentifier') return node.name
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

/** The last name of a callee: `query` for `this.pool.query`, `it` for `it.skip.each`. */
export function memberName(node: Node): string | undefined {
  const bare = unwrap(node)
  if (bare.type === 'Identifier') return bare.name
  return bare.type === 'MemberExpression' ? keyName(bare.property, bare.computed) : undefined
}

/** The first name of an expression: `db` for `db.select().from(x)`, `this` for `this.pool`. */
export function rootName(node: Node): string | undefined {
  const bare = unwrap(node)
  switch (bare.type) {
    case 'Identifier':
      return bare.name
    case 'ThisExpression':
      return 'this'
    case 'MemberExpression':
      return rootName(bare.object)
    case 'CallExpression':
      return rootName(bare.callee)
    case 'TaggedTemplateExpression':
      return rootName(bare.tag)
    case 'NewExpression':
      return rootName(bare.callee)
    default:
      return undefined
  }
}
