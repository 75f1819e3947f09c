import { isSetting } from '../../sql/settings.ts'
import { describeSql } from '../../sql/text.ts'
import { startupOptions } from '../../startup-options.ts'
import type { ScriptContext } from '../context.ts'
import type { Driver } from '../drivers.ts'
import { ancestors, keyName, memberName, unwrap, type Node } from '../syntax.ts'
import {
  constantString,
  isOff,
  properties,
  type Add,
  type Call,
  type ObjectNode,
  type Properties,
} from './fact.ts'
import { TIMEOUTS, urlParameters } from './startup-url.ts'

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

export function readConnectionOptions(
  object: ObjectNode,
  keys: Properties,
  context: ScriptContext,
  add: Add,
): void {
  const call = openingCall(object, context)
  const driver = call === undefined ? undefined : context.identifier.identify(call)?.driver
  if (driver === 'other-database') return
  const whole = spreadInto(object, context)
  const holder = holderName(whole, context)
  const allKeys = whole === object ? keys : properties(whole)
  const isConnection =
    driver !== undefined ||
    CONNECTION_HOLDERS.test(holder ?? '') ||
    [...allKeys.keys()].some((key) => CONNECTION_KEYS.has(key))
  const connection = call ?? object
  const sendsParameters = holder === 'connection' && (driver === 'postgres.js' || driver === 'bun')
  for (const [name, property] of keys) {
    if (isOff(property.value)) continue
    if (sendsParameters) {
      if (name === 'options') addOptions(property.value, context, add, connection, property)
      else if (name === 'replication')
        add({ kind: 'replication', via: "postgres.js's replication option" }, property, 'high', connection)
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
    } else if (name === 'searchPath' && isMikroOrmConfig(driver, context)) {
      add({ kind: 'search-path-option', via: 'MikroORM' }, property, 'high', connection)
    } else if (name === 'searchPath' && isKnexConfig(allKeys, driver, context)) {
      add({ kind: 'search-path-option', via: 'Knex' }, property, 'high', connection)
    } else if (name === 'prependSearchPath' || (name === 'searchPath' && driver === 'sequelize')) {
      add({ kind: 'search-path-option', via: 'Sequelize' }, property, 'high', connection)
    }
  }
}

function isKnexConfig(keys: Properties, driver: Driver | undefined, { drivers }: ScriptContext): boolean {
  if (driver === 'knex' || (driver === undefined && drivers.has('knex'))) return true
  return keys.has('client') || (keys.has('connection') && keys.has('pool'))
}

function isMikroOrmConfig(driver: Driver | undefined, { drivers }: ScriptContext): boolean {
  return driver === 'mikro-orm' || (driver === undefined && drivers.has('mikro-orm') && !drivers.has('knex'))
}

/** The object that `{ a }` becomes a part of in `{ b, ...(c ? { a } : {}) }`. */
function spreadInto(object: ObjectNode, { syntax }: ScriptContext): ObjectNode {
  let node = syntax.parent(object)
  while (node !== undefined && CHOICES.has(node.type)) node = syntax.parent(node)
  const outer = node?.type === 'SpreadElement' ? syntax.parent(node) : undefined
  return outer?.type === 'ObjectExpression' ? outer : object
}

const CHOICES = new Set(['ConditionalExpression', 'LogicalExpression', 'ParenthesizedExpression'])

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
      const binding = scopes.declaredBy(id)
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

/** `postgres://…?options=-c%20search_path%3Dx`. */
export function readUrl(node: Node, context: ScriptContext, add: Add): void {
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

/** `config.statement_timeout = 5000`. */
export function readOptionAssignment(
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
}

/** `url.searchParams.set('options', '-c search_path=app')`, `encodeURIComponent('-c search_path=app')`. */
export function readUrlParameter(call: Call, context: ScriptContext, add: Add): void {
  const [first, second] = call.arguments
  if (first === undefined) return
  const method = memberName(call.callee)
  if (method === 'encodeURIComponent') addOptions(first, context, add, call, call)
  if ((method !== 'set' && method !== 'append') || second === undefined) return
  const name = constantString(first) ?? ''
  if (name === 'options') addOptions(second, context, add, call, call)
  const owner = unwrap(call.callee)
  const isQuery =
    owner.type === 'MemberExpression' && /searchparams|query|params/i.test(memberName(owner.object) ?? '')
  if (isQuery && TIMEOUTS.has(name))
    add({ kind: 'startup-parameter', name, viaOptions: false }, call, 'medium', call)
}
