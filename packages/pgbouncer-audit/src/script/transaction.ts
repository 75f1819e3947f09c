import { TRANSACTION_METHODS, type Identifier } from './identity.ts'
import {
  ancestors,
  isFunction,
  keyName,
  memberName,
  rootName,
  unwrap,
  type Node,
  type Syntax,
} from './syntax.ts'

/** Whether a statement runs inside a transaction, as far as the code shows. */
export type TransactionState = 'inside' | 'outside' | 'unknown'

const TRANSACTION_NAME =
  /^(?:_?tx|trx|t|transaction\w*|tran|txn|txClient|trxClient|pgm|dbTx|txSql|sqlTx|manager)$/i
/** Tags and objects that build SQL, and do not run it by themselves. */
const BUILDER_NAME = /^(?:sql|SQL|Prisma|raw|Sequelize)$/
const POOL_NAME = /^(?:pool|pgPool|dbPool|prisma|prismaClient|sequelize)$/

export interface TransactionContext {
  readonly syntax: Syntax
  readonly identifier: Identifier
  readonly source: string
  /** The file is a migration, which its tool runs in a transaction. */
  readonly isMigration: boolean
}

/** `call` is the call or tagged template that runs the statement. */
export function transactionState(call: Node, context: TransactionContext): TransactionState {
  const { syntax } = context
  const receiver = executorOf(call, syntax)
  const role = receiver === undefined ? undefined : context.identifier.identify(receiver)?.role
  if (role === 'transaction') return 'inside'
  const name = receiver === undefined ? undefined : receiverName(receiver)
  if (name !== undefined && TRANSACTION_NAME.test(name)) return 'inside'
  if (passesTransaction(call, syntax)) return 'inside'
  const path = [...ancestors(syntax, call)]
  if (isInBatchTransaction(path) || isInDecoratedMethod(path)) return 'inside'
  if (context.isMigration) return 'inside'
  if (role === 'pool' || (name !== undefined && POOL_NAME.test(name))) return 'outside'
  if (isCallbackParameter(name, path, syntax) || followsBegin(call, receiver, path, context)) return 'inside'
  return 'unknown'
}

/**
 * What runs the statement in the end: `db` in ``db.execute(sql`…`)`` and in ``sql`…`.execute(db)``,
 * where `sql` only builds it; otherwise what it is sent to.
 */
export function executorOf(call: Node, syntax: Syntax): Node | undefined {
  const own = receiverOf(call)
  if (own === undefined || !BUILDER_NAME.test(memberName(own) ?? '')) return own
  let child = call
  for (const ancestor of ancestors(syntax, call)) {
    if (ancestor.type === 'CallExpression' && ancestor.callee !== child) {
      const callee = unwrap(ancestor.callee)
      return callee.type === 'MemberExpression' ? callee.object : own
    }
    if (ancestor.type === 'CallExpression' && memberName(ancestor.callee) === 'execute')
      return ancestor.arguments[0] ?? own
    if (
      ancestor.type !== 'MemberExpression' &&
      ancestor.type !== 'CallExpression' &&
      ancestor.type !== 'TSAsExpression'
    )
      return own
    child = ancestor
  }
  return own
}

/** What the statement is sent to: `client` in `client.query(…)`, `sql` in `` sql`…` ``. */
function receiverOf(call: Node): Node | undefined {
  if (call.type === 'TaggedTemplateExpression') {
    const tag = unwrap(call.tag)
    if (tag.type === 'MemberExpression') return tag.object
    if (tag.type === 'CallExpression') return receiverOf(tag) ?? tag
    return tag
  }
  if (call.type !== 'CallExpression') return undefined
  const callee = unwrap(call.callee)
  return callee.type === 'MemberExpression' ? callee.object : undefined
}

function receiverName(receiver: Node): string | undefined {
  return rootName(receiver) === 'this' ? memberName(receiver) : rootName(receiver)
}

/** `{ transaction: t }`, as Sequelize and MikroORM take it. */
function passesTransaction(call: Node, syntax: Syntax): boolean {
  if (!('arguments' in call)) return false
  const outer = syntax.parent(call)
  const args = [
    ...(call.arguments as readonly Node[]),
    ...(outer !== undefined && 'arguments' in outer ? (outer.arguments as readonly Node[]) : []),
  ]
  return args.some(
    (argument) =>
      argument.type === 'ObjectExpression' &&
      argument.properties.some(
        (property) =>
          property.type === 'Property' &&
          ['transaction', 'ctx', 'transacting'].includes(keyName(property.key, property.computed) ?? ''),
      ),
  )
}

/** Prisma's `$transaction([a, b])`, and postgres.js's `sql.begin(sql => [a, b])`. */
function isInBatchTransaction(path: readonly Node[]): boolean {
  for (const [index, node] of path.entries()) {
    if (isFunction(node)) return false
    const outer = path[index + 1]
    if (node.type === 'ArrayExpression' && outer?.type === 'CallExpression') {
      return memberName(outer.callee) === '$transaction'
    }
  }
  return false
}

function isInDecoratedMethod(path: readonly Node[]): boolean {
  for (const node of path) {
    if (node.type !== 'MethodDefinition') continue
    return node.decorators.some((decorator) => /transaction/i.test(rootName(decorator.expression) ?? ''))
  }
  return false
}

/** The receiver is what a transaction hands to its callback. */
function isCallbackParameter(name: string | undefined, path: readonly Node[], syntax: Syntax): boolean {
  return path.some((node) => {
    if (!isFunction(node) || !('params' in node)) return false
    const call = syntax.parent(node)
    if (call?.type !== 'CallExpression' || call.callee === node) return false
    const method = memberName(call.callee) ?? ''
    const startsTransaction =
      TRANSACTION_METHODS.has(method) ||
      /^transact|transaction$/i.test(method) ||
      (method === 'execute' &&
        /\btransaction$/.test(memberName(unwrap(call.callee)) === 'execute' ? calleeOwner(call) : ''))
    const [first] = node.params as readonly Node[]
    return startsTransaction && first?.type === 'Identifier' && first.name === name
  })
}

/** `transaction` for `db.transaction().execute(…)`. */
function calleeOwner(call: Node & { type: 'CallExpression' }): string {
  const callee = unwrap(call.callee)
  if (callee.type !== 'MemberExpression') return ''
  const object = unwrap(callee.object)
  return object.type === 'CallExpression' ? (memberName(object.callee) ?? '') : ''
}

/** An earlier BEGIN on the same connection in the same function, with no COMMIT since. */
function followsBegin(
  call: Node,
  receiver: Node | undefined,
  path: readonly Node[],
  context: TransactionContext,
): boolean {
  const owner = path.find(isFunction) ?? path.at(-1)
  if (owner === undefined || receiver === undefined) return false
  const name = receiverName(receiver)
  const before = context.source.slice(owner.start, call.start)
  const begin = lastOn(
    name,
    before,
    /['"`]\s*(?:BEGIN|START\s+TRANSACTION)\b|\.(?:startTransaction|beginTransaction)\(/gi,
  )
  if (begin < 0) return false
  return lastOn(name, before, /['"`]\s*(?:COMMIT|END)\b|\.commitTransaction\(|\.commit\(\)/gi) < begin
}

/** The last match in `text` that is sent to `name`, or to nobody in particular. */
function lastOn(name: string | undefined, text: string, pattern: RegExp): number {
  let last = -1
  for (const match of text.matchAll(pattern)) {
    const receiver = /([\w$]+)\s*(?:\.\s*\w+)?\s*(?:<[^<>]*>)?\s*\(?\s*$/.exec(
      text.slice(Math.max(0, match.index - 80), match.index),
    )?.[1]
    if (receiver === undefined || receiver === name || !/^[a-z]/i.test(receiver) || isFreeFunction(receiver))
      last = match.index
  }
  return last
}

/** `query('BEGIN')`: sent by a helper, to a connection that it knows. */
function isFreeFunction(name: string): boolean {
  return /^(?:await|return|void|query|exec|execute|run|sql|const|this|_)$/.test(name)
}
