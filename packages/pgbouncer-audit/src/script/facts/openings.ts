import type { ScriptContext } from '../context.ts'
import type { Identity } from '../identity.ts'
import { ancestors, memberName, unwrap, type Node } from '../syntax.ts'
import { properties, type Add, type Call, type ObjectNode } from './fact.ts'

export function readOpening(call: Call, identity: Identity, context: ScriptContext, add: Add): void {
  switch (identity.driver) {
    case 'postgres.js':
    case 'bun': {
      const isClient =
        identity.driver === 'postgres.js'
          ? (identity.member ?? 'default') === 'default'
          : identity.member === 'SQL'
      const prepares = isClient ? preparesImplicitly(call, context) : 'no'
      if (prepares === 'no' || isOnlyForOrm(call, context)) return
      add(
        { kind: 'implicit-prepare', via: identity.driver === 'bun' ? 'Bun.SQL' : 'postgres.js' },
        call,
        'high',
        call,
      )
      return
    }
    case 'pg-listen':
      add({ kind: 'listen', via: 'pg-listen' }, call, 'high', call)
      return
    case 'listener':
      if (/subscriptions|PubSub|pubsub|createAdapter|Ipc|ipc|default/i.test(identity.member ?? 'default'))
        add({ kind: 'listen', via: identity.source ?? 'this library' }, call, 'high', call)
      return
    case 'replication':
      if (identity.member?.endsWith('Service') === true)
        add({ kind: 'replication', via: 'pg-logical-replication' }, call, 'high', call)
      return
    case 'session-lock':
      add({ kind: 'session-lock', via: identity.source ?? 'this library' }, call, 'high', call)
      return
    case 'node-pg-migrate':
      if (
        !/noLock:\s*true/.test(context.source.slice(call.start, call.end)) &&
        /^(?:default|runner|migrate)$/.test(identity.member ?? 'default')
      ) {
        add({ kind: 'migration-lock', via: 'node-pg-migrate' }, call, 'high', call)
      }
      return
    default:
  }
}

/** Whether the options leave prepared statements on; `unknown` where the caller passes options in. */
function preparesImplicitly(call: Call, context: ScriptContext): 'yes' | 'no' {
  for (const argument of call.arguments) {
    if (argument.type === 'SpreadElement') return 'no'
    const options = resolveObject(argument, context)
    if (options === 'unknown') return 'no'
    if (options === undefined) continue
    const property = properties(options).get('prepare')
    if (property !== undefined)
      return property.value.type === 'Literal' && property.value.value === true ? 'yes' : 'no'
    for (const each of options.properties) {
      if (each.type !== 'SpreadElement') continue
      const spread = resolveObject(each.argument, context)
      if (spread !== undefined && spread !== 'unknown' && properties(spread).has('prepare')) return 'no'
      if (/\bprepare\b/.test(context.source.slice(each.start, each.end))) return 'no'
    }
  }
  return 'yes'
}

/** The object literal that an argument stands for; `undefined` for a URL or nothing. */
function resolveObject(node: Node, context: ScriptContext): ObjectNode | 'unknown' | undefined {
  const bare = unwrap(node)
  if (bare.type === 'ObjectExpression') return bare
  if (bare.type === 'Identifier') {
    const binding = context.scopes.resolve(bare)
    const { declaration } = binding ?? {}
    if (declaration?.type === 'VariableDeclarator' && declaration.init !== null) {
      const init = unwrap(declaration.init)
      if (init.type === 'ObjectExpression') return init
      return /^(?:opt|conf|setting)/i.test(bare.name) ? 'unknown' : undefined
    }
    return /opt|conf|setting/i.test(bare.name) ? 'unknown' : undefined
  }
  return undefined
}

/** Drizzle and Kysely talk through `unsafe()`, which does not prepare. */
function isOnlyForOrm(call: Node, context: ScriptContext): boolean {
  const { syntax, scopes } = context
  for (const ancestor of ancestors(syntax, call)) {
    if (ancestor.type === 'CallExpression' || ancestor.type === 'NewExpression') {
      if (/^drizzle$|PostgresJSDialect$/.test(memberName(ancestor.callee) ?? '')) return true
    }
    if (ancestor.type !== 'VariableDeclarator' || ancestor.id.type !== 'Identifier') continue
    const { id } = ancestor
    const binding = scopes.declaredBy(id)
    const references = binding === undefined ? [] : scopes.references(binding)
    return (
      references.some((reference) => isOrmArgument(reference, context)) &&
      !references.some((reference) => isUsedAsTag(reference, context))
    )
  }
  return false
}

function isOrmArgument(reference: Node, context: ScriptContext): boolean {
  for (const ancestor of ancestors(context.syntax, reference)) {
    if (ancestor.type === 'CallExpression' || ancestor.type === 'NewExpression')
      return /^drizzle$|PostgresJSDialect$/.test(memberName(ancestor.callee) ?? '')
    if (ancestor.type.endsWith('Statement')) return false
  }
  return false
}

function isUsedAsTag(reference: Node, context: ScriptContext): boolean {
  const parent = context.syntax.parent(reference)
  if (parent?.type === 'TaggedTemplateExpression') return parent.tag === reference
  return (
    parent?.type === 'MemberExpression' &&
    parent.object === reference &&
    /^(?:begin|file|listen)$/.test(memberName(parent) ?? '')
  )
}

/** `import { sql } from 'bun'` is a connection already, opened from DATABASE_URL. */
export function readImport(node: Node & { type: 'ImportDeclaration' }, add: Add): void {
  if (node.source.value !== 'bun') return
  for (const specifier of node.specifiers) {
    if (
      specifier.type === 'ImportSpecifier' &&
      'name' in specifier.imported &&
      (specifier.imported.name === 'sql' || specifier.imported.name === 'postgres')
    ) {
      add({ kind: 'implicit-prepare', via: 'Bun.SQL' }, specifier, 'high')
    }
  }
}
