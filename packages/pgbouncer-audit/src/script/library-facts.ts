import { startupOptions } from '../startup-options.ts'
import type { Confidence, LibraryFact, PlacedFact } from '../unit.ts'
import { isSetting } from '../sql/settings.ts'
import { describeSql } from '../sql/text.ts'
import type { ScriptContext } from './context.ts'
import { isDirectName } from './direct.ts'
import type { Identity } from './identity.ts'
import { ancestors, keyName, memberName, unwrap, type Node } from './syntax.ts'

type Call = Node & { type: 'CallExpression' | 'NewExpression' }
type ObjectNode = Node & { type: 'ObjectExpression' }
type Add = (fact: LibraryFact, node: Node, confidence: Confidence, connection?: Node) => void

/** Finds what libraries do by themselves: options, named statements, listeners, locks. */
export function collectLibraryFacts(context: ScriptContext): PlacedFact[] {
  const facts: PlacedFact[] = []
  const add: Add = (fact, node, confidence, connection) => {
    facts.push({
      ...fact,
      at: node.start,
      confidence,
      isDirect: connection !== undefined && isDirect(connection, context),
    })
  }
  for (const node of context.syntax.nodes) {
    if (node.type === 'ObjectExpression') readObject(node, context, add)
    else if (node.type === 'CallExpression' || node.type === 'NewExpression') readCall(node, context, add)
    else if (node.type === 'AssignmentExpression') readAssignment(node, context, add)
    else if (node.type === 'ImportDeclaration') readImport(node, add)
    else if (node.type === 'Literal' || node.type === 'TemplateLiteral') readUrl(node, context, add)
  }
  return facts
}

function isDirect(node: Node, context: ScriptContext): boolean {
  const receiver =
    node.type === 'CallExpression' && node.callee.type === 'MemberExpression' ? node.callee.object : node
  const identity = context.identifier.identify(receiver) ?? context.identifier.identify(node)
  if (identity?.isDirect === true) return true
  if (context.directLines.includes(context.lineOf((identity?.origin ?? node).start))) return true
  for (const ancestor of [receiver, ...ancestors(context.syntax, receiver)]) {
    if (ancestor.type === 'VariableDeclarator')
      return ancestor.id.type === 'Identifier' && isDirectName(ancestor.id.name)
    if (ancestor.type.endsWith('Statement') || ancestor.type === 'Program') break
  }
  return isDirectName(memberName(unwrap(receiver)) ?? '')
}

// --- connection options -----------------------------------------------------------------------

const TIMEOUTS = new Set(['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'])
const CONNECTION_KEYS = new Set([
  'host',
  'port',
  'user',
  'username',
  'password',
  'database',
  'connectionString',
  'connection',
  'ssl',
  'max',
  'min',
  'application_name',
  'idleTimeoutMillis',
  'connectionTimeoutMillis',
  'keepAlive',
  'query_timeout',
  'url',
  'keepAliveInitialDelayMillis',
  'allowExitOnIdle',
  'maxUses',
  'max_lifetime',
  'idle_timeout',
  'connect_timeout',
  'poolSize',
  'client_encoding',
])
const CONNECTION_HOLDERS =
  /^(?:extra|dialectOptions|connection|driverOptions|pool(?:Config|Options)?|pg|postgres|db|database|clientConfig)$/

function properties(object: ObjectNode): Map<string, Node & { type: 'Property' }> {
  const found = new Map<string, Node & { type: 'Property' }>()
  for (const property of object.properties) {
    if (property.type !== 'Property') continue
    const name = keyName(property.key, property.computed)
    if (name !== undefined) found.set(name, property)
  }
  return found
}

function readObject(object: ObjectNode, context: ScriptContext, add: Add): void {
  const keys = properties(object)
  readConnectionOptions(object, keys, context, add)
  readNamedQuery(object, keys, context, add)
}

function readConnectionOptions(
  object: ObjectNode,
  keys: ReadonlyMap<string, Node & { type: 'Property' }>,
  context: ScriptContext,
  add: Add,
): void {
  const call = openingCall(object, context)
  const driver = call === undefined ? undefined : context.identifier.identify(call)?.driver
  if (driver === 'other-database') return
  const holder = holderName(object, context)
  const isConnection =
    driver !== undefined ||
    CONNECTION_HOLDERS.test(holder ?? '') ||
    [...keys.keys()].filter((key) => CONNECTION_KEYS.has(key)).length >= 1
  const connection = call ?? object
  const sendsParameters = holder === 'connection' && (driver === 'postgres.js' || driver === 'bun')
  for (const [name, property] of keys) {
    if (isOff(property.value)) continue
    if (sendsParameters) {
      if (name === 'options') addOptions(property.value, context, add, connection, property)
      else if (isSetting(name))
        add({ kind: 'startup-parameter', name, viaOptions: false }, property, 'high', connection)
    } else if (TIMEOUTS.has(name) && isConnection && driver !== 'postgres.js' && driver !== 'bun') {
      add(
        { kind: 'startup-parameter', name, viaOptions: false },
        property,
        driver === undefined ? 'medium' : 'high',
        connection,
      )
    } else if (name === 'options' || name === 'PGOPTIONS') {
      addOptions(property.value, context, add, connection, property)
    } else if (name === 'replication' && isConnection && constantString(property.value) !== undefined) {
      add({ kind: 'replication', via: "pg's replication option" }, property, 'high', connection)
    } else if (name === 'searchPath' && isKnexConfig(keys, driver)) {
      add({ kind: 'search-path-option', via: 'Knex' }, property, 'high', connection)
    } else if (name === 'prependSearchPath' || (name === 'searchPath' && driver === 'sequelize')) {
      add({ kind: 'search-path-option', via: 'Sequelize' }, property, 'high', connection)
    }
  }
}

function isKnexConfig(keys: ReadonlyMap<string, unknown>, driver: string | undefined): boolean {
  return driver === 'knex' || keys.has('client') || (keys.has('connection') && keys.has('pool'))
}

function addOptions(value: Node, context: ScriptContext, add: Add, connection: Node, at: Node): void {
  for (const text of context.strings.read(value) ?? []) {
    for (const name of startupOptions(describeSql(text)))
      add({ kind: 'startup-parameter', name, viaOptions: true }, at, 'high', connection)
  }
}

/** `const a = {…}; const b = { …a }; new Pool(b)`: this many variables are followed. */
const MAX_HOPS = 3

/** The call that opens a connection with `object` somewhere in its arguments, or in a variable passed to it. */
function openingCall(object: Node, context: ScriptContext, hops = 0): Call | undefined {
  if (hops > MAX_HOPS) return undefined
  const { syntax, scopes, identifier } = context
  for (const ancestor of ancestors(syntax, object)) {
    if (ancestor.type === 'CallExpression' || ancestor.type === 'NewExpression') {
      const identity = identifier.identify(ancestor)
      return identity?.origin === ancestor || identity?.driver === 'other-database' ? ancestor : undefined
    }
    if (ancestor.type === 'VariableDeclarator' && ancestor.id.type === 'Identifier') {
      const { id } = ancestor
      const binding = scopes.bindings.find((each) => each.identifier === id)
      const references = binding === undefined ? [] : scopes.references(binding)
      for (const reference of references) {
        const call = openingCall(reference, context, hops + 1)
        if (call !== undefined) return call
      }
      return undefined
    }
    if (ancestor.type.endsWith('Statement')) return undefined
  }
  return undefined
}

function holderName(object: Node, context: ScriptContext): string | undefined {
  const parent = context.syntax.parent(object)
  return parent?.type === 'Property' ? keyName(parent.key, parent.computed) : undefined
}

/** Values that make a driver send nothing. */
function isOff(value: Node): boolean {
  if (value.type === 'Identifier') return value.name === 'undefined'
  return value.type === 'Literal' && (value.value === false || value.value === null || value.value === 0)
}

function constantString(node: Node): string | undefined {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

/** `postgres://…?options=-c%20search_path%3Dx`. */
function readUrl(node: Node, context: ScriptContext, add: Add): void {
  const text =
    node.type === 'Literal'
      ? typeof node.value === 'string'
        ? node.value
        : ''
      : context.source.slice(node.start, node.end)
  if (
    text.length > 2000 ||
    !/[?&](?:options=|statement_timeout=|lock_timeout=|idle_in_transaction_session_timeout=)/.test(text)
  )
    return
  for (const { name, viaOptions } of urlParameters(text)) {
    add(
      { kind: 'startup-parameter', name, viaOptions },
      node,
      /^.?postgres/.test(text) ? 'high' : 'medium',
      node,
    )
  }
}

/** The startup parameters that a connection URL, or the end of one, carries. */
export function urlParameters(url: string): { name: string; viaOptions: boolean }[] {
  const query = url.slice(url.indexOf('?') + 1)
  const found: { name: string; viaOptions: boolean }[] = []
  for (const pair of query.split(/[&\s"'`]/)) {
    const [key = '', value = ''] = pair.replace(/^\?/, '').split(/=(.*)/s)
    if (TIMEOUTS.has(key)) found.push({ name: key, viaOptions: false })
    if (key === 'options') {
      for (const name of startupOptions(decode(value))) found.push({ name, viaOptions: true })
    }
  }
  return found
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

// --- named statements ---------------------------------------------------------------------------

function readNamedQuery(
  object: ObjectNode,
  keys: ReadonlyMap<string, Node & { type: 'Property' }>,
  context: ScriptContext,
  add: Add,
): void {
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
    readsLikeQuery(text.value, context) ||
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
  const binding = context.scopes.bindings.find((each) => each.identifier === declarator.id)
  return (
    binding !== undefined &&
    context.scopes.references(binding).some((reference) => {
      const call = context.syntax.parent(reference)
      return call?.type === 'CallExpression' && memberName(call.callee) === 'query'
    })
  )
}

/** `config.name = 'get-user'`, `config.statement_timeout = 5000`. */
function readAssignment(
  node: Node & { type: 'AssignmentExpression' },
  context: ScriptContext,
  add: Add,
): void {
  const { left, right } = node
  if (left.type !== 'MemberExpression' || node.operator !== '=' || isOff(right)) return
  const name = keyName(left.property, left.computed) ?? ''
  const owner = unwrap(left.object)
  if (TIMEOUTS.has(name) && /conf|opt|pool|param|extra|connection|defaults/i.test(memberName(owner) ?? '')) {
    add({ kind: 'startup-parameter', name, viaOptions: false }, node, 'medium', node)
  }
  if ((name === 'options' || name === 'PGOPTIONS') && owner.type !== 'ThisExpression')
    addOptions(right, context, add, node, node)
  if (name !== 'name' || owner.type !== 'Identifier') return
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

// --- calls ----------------------------------------------------------------------------------------

function readCall(call: Call, context: ScriptContext, add: Add): void {
  const identity = context.identifier.identify(call)
  const method = memberName(call.callee) ?? ''
  if (identity?.origin === call) readOpening(call, identity, context, add)
  if (method === 'PreparedStatement' && (identity === undefined || identity.driver === 'pg-promise'))
    readPreparedStatement(call, add)
  if (call.type !== 'CallExpression') return
  if (method === 'prepare') readDrizzlePrepare(call, context, add)
  if (method === 'listen') readListen(call, context, add)
  if (method === 'subscribe' && calleeIdentity(call, context)?.driver === 'postgres.js') {
    add({ kind: 'replication', via: "postgres.js's subscribe()" }, call, 'high', call)
  }
  readFunctionByName(call, add)
}

function readOpening(call: Call, identity: Identity, context: ScriptContext, add: Add): void {
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
    const binding = scopes.bindings.find((each) => each.identifier === id)
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

function readPreparedStatement(call: Call, add: Add): void {
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
function readDrizzlePrepare(call: Node & { type: 'CallExpression' }, context: ScriptContext, add: Add): void {
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

function calleeIdentity(
  call: Node & { type: 'CallExpression' },
  context: ScriptContext,
): Identity | undefined {
  const callee = unwrap(call.callee)
  return callee.type === 'MemberExpression' ? context.identifier.identify(callee.object) : undefined
}

/** postgres.js's `sql.listen('channel', handler)`; servers listen on ports. */
function readListen(call: Node & { type: 'CallExpression' }, context: ScriptContext, add: Add): void {
  const identity = calleeIdentity(call, context)
  const [channel, handler] = call.arguments
  if (identity?.driver === 'postgres.js' && identity.role !== 'module') {
    add({ kind: 'listen', via: 'postgres.js' }, call, 'high', call)
    return
  }
  if (identity !== undefined || channel === undefined) return
  // Effect's client takes no handler, and returns a stream.
  if (handler === undefined && !/@effect\/sql-pg/.test(context.source)) return
  const callee = unwrap(call.callee)
  const root = callee.type === 'MemberExpression' ? memberName(callee.object) : undefined
  const isSqlName = /^(?:sql|pgsql|postgres|pgClient|listenSql|sqlListen\w*)$/i.test(root ?? '')
  const isChannel =
    constantString(channel) !== undefined ||
    channel.type === 'Identifier' ||
    channel.type === 'TemplateLiteral' ||
    channel.type === 'MemberExpression'
  if (isSqlName && isChannel) add({ kind: 'listen', via: 'postgres.js' }, call, 'medium', call)
}

const SESSION_LOCK_NAME = /^pg_(?:try_)?advisory_(?:lock|unlock)(?:_shared|_all)?$/

/** `fn('pg_advisory_lock', …)`, as Kysely and Sequelize call functions. */
function readFunctionByName(call: Node & { type: 'CallExpression' }, add: Add): void {
  const [name] = call.arguments
  const text = name === undefined ? undefined : constantString(name)
  if (name === undefined || text === undefined || !SESSION_LOCK_NAME.test(text)) return
  if (/^(?:fn|func|agg|rpc|callFunction)$/.test(memberName(call.callee) ?? ''))
    add({ kind: 'session-lock', via: text }, name, 'high', call)
}

/** `import { sql } from 'bun'` is a connection already, opened from DATABASE_URL. */
function readImport(node: Node & { type: 'ImportDeclaration' }, add: Add): void {
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
