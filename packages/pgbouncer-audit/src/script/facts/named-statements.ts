import { describeSql } from '../../sql/text.ts'
import type { ScriptContext } from '../context.ts'
import { keyName, memberName, unwrap, type Node } from '../syntax.ts'
import {
  constantString,
  isOff,
  properties,
  type Add,
  type Call,
  type ObjectNode,
  type Properties,
} from './fact.ts'

export function readNamedQuery(object: ObjectNode, keys: Properties, context: ScriptContext, add: Add): void {
  const name = keys.get('name')
  const text = keys.get('text')
  if (name === undefined || text === undefined || isOff(name.value)) return
  const call = context.syntax.parent(object)
  if (call?.type === 'CallExpression' || call?.type === 'NewExpression') {
    const method = memberName(call.callee) ?? ''
    if (method === 'PreparedStatement') return
    if (method === 'query' || method === 'Query' || method === 'queryArray' || method === 'execute') {
      if (!isForeign(call, context)) add({ kind: 'named-statement', via: 'pg' }, name, 'high', call)
      return
    }
  }
  if (
    (readsLikeQuery(text.value, context) &&
      (takesValues(keys, text.value, context) || usesDriver(context))) ||
    isTypedQuery(object, context) ||
    isPassedToQuery(object, context)
  ) {
    if (!context.isOtherDatabase) add({ kind: 'named-statement', via: 'pg' }, name, 'medium', call)
  }
}

function isForeign(call: Node, context: ScriptContext): boolean {
  const driver = context.identifier.identify(call)?.driver
  return driver === 'other-database' || (driver === undefined && context.isOtherDatabase)
}

/** Sentences that begin with `Select` or `Update` have no parameters. */
function takesValues(keys: Properties, text: Node, { source }: ScriptContext): boolean {
  return keys.has('values') || keys.has('rowMode') || /\$\d/.test(source.slice(text.start, text.end))
}

function usesDriver({ drivers }: ScriptContext): boolean {
  return drivers.has('pg') || drivers.has('pg-promise') || drivers.has('pg-cursor')
}

function readsLikeQuery(node: Node, context: ScriptContext): boolean {
  const [text] = context.strings.read(node) ?? []
  return (
    text !== undefined &&
    /^\s*(?:select|insert\s+into|update|delete\s+from|with)\b[\s\S]*\s/i.test(describeSql(text))
  )
}

/** `const q: QueryConfig = { … }`, `{ … } satisfies QueryConfig`. */
function isTypedQuery(object: Node, context: ScriptContext): boolean {
  const parent = context.syntax.parent(object)
  if (parent === undefined) return false
  const text = context.source.slice(parent.start, object.start) + context.source.slice(object.end, parent.end)
  return /\b(?:pg\.)?QueryConfig\b|\bNamedQuery\b|\bPreparedQuery\b/.test(text)
}

function isPassedToQuery(object: Node, context: ScriptContext): boolean {
  const declarator = context.syntax.parent(object)
  if (declarator?.type !== 'VariableDeclarator') return false
  const binding = context.scopes.declaredBy(declarator.id)
  return (
    binding !== undefined &&
    context.scopes.references(binding).some((reference) => {
      const call = context.syntax.parent(reference)
      return call?.type === 'CallExpression' && memberName(call.callee) === 'query'
    })
  )
}

/** `config.name = 'get-user'`. */
export function readNameAssignment(
  node: Node & { type: 'AssignmentExpression' },
  context: ScriptContext,
  add: Add,
): void {
  const { left, right } = node
  if (left.type !== 'MemberExpression' || node.operator !== '=' || isOff(right)) return
  const owner = unwrap(left.object)
  if (keyName(left.property, left.computed) !== 'name' || owner.type !== 'Identifier') return
  const declaration = context.scopes.resolve(owner)?.declaration
  const init =
    declaration?.type === 'VariableDeclarator' && declaration.init !== null
      ? unwrap(declaration.init)
      : undefined
  if (
    init?.type === 'ObjectExpression' &&
    properties(init).has('text') &&
    (isPassedToQuery(init, context) || isTypedQuery(init, context))
  ) {
    add({ kind: 'named-statement', via: 'pg' }, node, 'high', node)
  }
}

export function readPreparedStatement(call: Call, add: Add): void {
  const [argument] = call.arguments
  if (argument === undefined) return
  if (argument.type !== 'ObjectExpression') {
    add({ kind: 'named-statement', via: 'pg-promise' }, call, 'high', call)
    return
  }
  const name = properties(argument).get('name')
  if (name !== undefined) add({ kind: 'named-statement', via: 'pg-promise' }, name, 'high', call)
}

const BUILDER_STEPS =
  /^(?:select|selectDistinct|selectDistinctOn|insert|update|delete|from|where|values|set|returning|findMany|findFirst|limit|orderBy|leftJoin|innerJoin|onConflictDoUpdate|onConflictDoNothing|groupBy|offset|\$dynamic|with)$/

/** `db.select()….prepare('name')`; other databases' `prepare` takes no name, or takes SQL. */
export function readDrizzlePrepare(
  call: Node & { type: 'CallExpression' },
  context: ScriptContext,
  add: Add,
): void {
  const [name] = call.arguments
  const callee = unwrap(call.callee)
  if (name === undefined || callee.type !== 'MemberExpression') return
  const builder = unwrap(callee.object)
  const isBuilt = builder.type === 'CallExpression' && BUILDER_STEPS.test(memberName(builder.callee) ?? '')
  const identity = context.identifier.identify(callee.object)
  const isQuery = identity?.driver === 'drizzle' && identity.role === 'query'
  if (!isBuilt && !isQuery) return
  if (
    identity !== undefined &&
    (identity.driver !== 'drizzle' || (identity.over !== 'pg' && identity.over !== 'drizzle'))
  )
    return
  const text = context.strings.read(name)?.[0]
  if (text !== undefined && /\s/.test(describeSql(text).trim())) return
  if (constantString(name) === '') return
  if (identity === undefined && context.isOtherDatabase) return
  // The chain may be long: the finding stands at the name.
  add(
    { kind: 'named-statement', via: 'drizzle' },
    callee.property,
    identity?.over === 'pg' ? 'high' : 'medium',
    call,
  )
}
