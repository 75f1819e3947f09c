import type { Scopes } from './scopes.ts'
import { keyName, unwrap, type Node, type Syntax } from './syntax.ts'

/** Names that people give to a connection that does not go through the pooler. */
const DIRECT =
  /(?<!in|re)direct(?!or|ion|ive|ly|ed)|un_?pooled|non_?pool(?:ing|ed)?|no_?pooler|session_?(?:mode|pool)|bypass_?(?:pooler|pgbouncer)/i
/** Names that say nothing, or say that it does. */
const POOLED =
  /(?:DATABASE|POSTGRES|PG|DB|POSTGRESQL)_?(?:PRISMA_)?(?:URL|URI)(?!_?UNPOOLED|_?NON|\s*:(?!\/\/))|-pooler|:6432|:6543/i

/** Whether a name says that what it names goes past PgBouncer. */
export function isDirectName(name: string): boolean {
  return DIRECT.test(name)
}

/** Chains of variables longer than this are not followed. */
const MAX_HOPS = 3

/** Whether a connection goes past PgBouncer by a name on the way to it: `client = await getDirectPool().connect()`. */
export function comesFromDirect(node: Node, scopes: Scopes, hops = 0): boolean {
  const bare = unwrap(node)
  switch (bare.type) {
    case 'Identifier': {
      if (isDirectName(bare.name)) return true
      const declaration = scopes.resolve(bare)?.declaration
      return (
        hops < MAX_HOPS &&
        declaration?.type === 'VariableDeclarator' &&
        declaration.init !== null &&
        comesFromDirect(declaration.init, scopes, hops + 1)
      )
    }
    case 'MemberExpression':
      return (
        isDirectName(keyName(bare.property, bare.computed) ?? '') ||
        comesFromDirect(bare.object, scopes, hops)
      )
    case 'CallExpression':
    case 'NewExpression':
      return comesFromDirect(bare.callee, scopes, hops)
    default:
      return false
  }
}

/**
 * Whether the expression that opens a connection names a direct URL. With both kinds in it, the
 * first decides: `DIRECT_URL ?? DATABASE_URL` prefers the direct one.
 */
export function opensDirectly(opening: Node, source: string, syntax: Syntax, scopes: Scopes): boolean {
  const args = 'arguments' in opening ? (opening.arguments as readonly Node[]) : []
  const text = args.map((argument) => expand(argument, source, syntax, scopes)).join(' ')
  const direct = text.search(DIRECT)
  if (direct < 0) return false
  const pooled = text.search(POOLED)
  return pooled < 0 || direct <= pooled || directPrecedes(text, direct, pooled)
}

/** `POSTGRES_URL_NON_POOLING` matches as one name, whichever part is found first. */
function directPrecedes(text: string, direct: number, pooled: number): boolean {
  return /^[\w.-]*$/.test(text.slice(pooled, direct))
}

/** The text of an expression, followed by the text of the variables in it. */
function expand(node: Node, source: string, syntax: Syntax, scopes: Scopes): string {
  const own = withoutComments(source.slice(node.start, node.end))
  const initial = syntax.within(node).flatMap((inner) => {
    if (inner.type !== 'Identifier') return []
    const declaration = scopes.resolve(inner)?.declaration
    if (declaration?.type !== 'VariableDeclarator' || declaration.init === null) return []
    return [
      withoutComments(
        source.slice(declaration.init.start, Math.min(declaration.init.end, declaration.init.start + 400)),
      ),
    ]
  })
  return [own, ...initial].join(' ')
}

function withoutComments(text: string): string {
  return text.replace(/(?<!:)\/\/[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
}
