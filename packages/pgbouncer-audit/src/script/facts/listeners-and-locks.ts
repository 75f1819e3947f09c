import type { ScriptContext } from '../context.ts'
import { memberName, unwrap, type Node } from '../syntax.ts'
import { calleeIdentity, constantString, type Add } from './fact.ts'

/** postgres.js's `sql.listen('channel', handler)`; servers listen on ports. */
export function readListen(
  call: Node & { type: 'CallExpression' },
  method: string,
  context: ScriptContext,
  add: Add,
): void {
  if (method !== 'listen' && method !== 'subscribe') return
  const identity = calleeIdentity(call, context)
  const [channel, handler] = call.arguments
  if (method === 'subscribe') {
    if (identity?.driver === 'postgres.js')
      add({ kind: 'replication', via: "postgres.js's subscribe()" }, call, 'high', call)
    return
  }
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
export function readFunctionByName(call: Node & { type: 'CallExpression' }, add: Add): void {
  const [name] = call.arguments
  const text = name === undefined ? undefined : constantString(name)
  if (name === undefined || text === undefined || !SESSION_LOCK_NAME.test(text)) return
  if (/^(?:fn|func|agg|rpc|callFunction)$/.test(memberName(call.callee) ?? ''))
    add({ kind: 'session-lock', via: text }, name, 'high', call)
}
