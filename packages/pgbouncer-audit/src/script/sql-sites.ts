import { isSetting } from '../sql/settings.ts'
import { readStatements, type SqlStatement } from '../sql/statements.ts'
import { describeSql, type SqlText } from '../sql/text.ts'
import type { Confidence, PlacedStatement } from '../unit.ts'
import type { ScriptContext } from './context.ts'
import { comesFromDirect } from './direct.ts'
import { isTextExpression } from './strings.ts'
import { ancestors, isFunction, keyName, memberName, type Node } from './syntax.ts'
import { executorOf, transactionState } from './transaction.ts'
import { usageOf, type Usage } from './usage.ts'

/** What a text must have to be worth the parser's time. */
const HAZARD_WORDS =
  /\bset\s+(?:(?:session|local)\s+)*(?:role|schema|time\s+zone|session\s|["'`]?[\w.…]+["'`]?\s*(?:=|to\b))|\bset\s+(?:session|local)\b|set_config|advisory_|\blisten\b|\bprepare\b|\bexecute\b|\bdeallocate\b|\btemp(?:orary)?\b|\bpg_temp\b|\bhold\b|\bload\b|currval|lastval/i

/** No prose begins like this, so that a fragment that is known at run time only does not matter. */
const UNMISTAKABLE = /^\s*create\s+(?:(?:global|local)\s+)?temp(?:orary)?\s+(?:table|view|sequence)\s/i
const ANY_COMMAND = /^(?:exec|execute|batch|statement|stream|result)$/
/** What programs call a text that is SQL. */
const SQL_NAME = /sql|query|stmt|statement/i

/** Finds every statement in a module, with the place it runs in. */
export function collectStatements(context: ScriptContext): PlacedStatement[] {
  const { syntax, strings } = context
  const placed: PlacedStatement[] = []
  // Outermost first, so that the parts of a text are known as such when they are met.
  for (const node of syntax.nodes) {
    if (!isTextExpression(node) || strings.consumed.has(node)) continue
    const parent = syntax.parent(node)
    const usage = usageOf(node, syntax)
    const texts = textsOf(node, context)
    if (usage.kind === 'not-sql' || texts === undefined) continue
    if (parent?.type === 'TaggedTemplateExpression' && strings.consumed.has(parent)) continue
    for (const text of texts) placed.push(...place(node, text, usage, context))
  }
  return placed
}

function textsOf(node: Node, context: ScriptContext): SqlText[] | undefined {
  const texts = context.strings.read(node)
  if (texts === undefined) return undefined
  const appended = appendedTexts(node, context)
  return appended.length === 0 ? texts : texts.map((text) => [...text, ...appended.flat()])
}

/** `let sql = 'SET '; sql += name`: what is added to the variable that `node` begins. */
function appendedTexts(node: Node, context: ScriptContext): SqlText[] {
  const { syntax, scopes, strings } = context
  const declarator = syntax.parent(node)
  if (declarator?.type !== 'VariableDeclarator' || declarator.id.type !== 'Identifier') return []
  const identifier = declarator.id
  const binding = scopes.declaredBy(identifier)
  if (binding === undefined) return []
  return scopes.references(binding).flatMap((reference) => {
    const assignment = syntax.parent(reference)
    if (
      assignment?.type !== 'AssignmentExpression' ||
      assignment.operator !== '+=' ||
      assignment.left !== reference
    )
      return []
    const [text] = strings.read(assignment.right) ?? [
      [{ kind: 'hole' as const, start: assignment.right.start }],
    ]
    return text === undefined ? [] : [text]
  })
}

function place(node: Node, text: SqlText, usage: Usage, context: ScriptContext): PlacedStatement[] {
  const described = describeSql(text)
  if (described.length > 2_000_000 || !HAZARD_WORDS.test(described)) return []
  const use = usage.kind === 'query' ? usage : useOfVariable(node, context)
  const call = use?.kind === 'query' ? use.call : undefined
  if (usage.kind === 'not-sql' || use?.kind === 'not-sql') return []
  if (isOtherDatabase(call, context)) return []
  const isQuery = call !== undefined && !isAnyCommand(call, context)
  const isCertainlySql = isQuery || UNMISTAKABLE.test(describeSql(text.slice(0, 1)))
  const statements = readStatements(text, { isCertainlySql })
  const isNamedSql = SQL_NAME.test(nameOf(node, context) ?? '')
  if (!isQuery && !statements.some((each) => readsLikeSql(each, described, isNamedSql, context))) return []
  const transaction = call === undefined ? 'unknown' : transactionState(call, context)
  const isDirect = call !== undefined && runsDirectly(call, context)
  const droppedLater = call === undefined ? new Set<string>() : tablesDroppedLater(call, context)
  return statements.map((statement, index) => ({
    statement,
    transaction: insideBatch(statements, index) ? 'inside' : transaction,
    isDirect,
    confidence: confidenceOf(statement, call),
    batch: statements,
    droppedLater,
  }))
}

/** The variable or property that holds a text. */
function nameOf(node: Node, { syntax }: ScriptContext): string | undefined {
  const parent = syntax.parent(node)
  if (parent?.type === 'Property') return keyName(parent.key, parent.computed)
  return parent?.type === 'VariableDeclarator' && parent.id.type === 'Identifier' ? parent.id.name : undefined
}

/** How a text kept in a variable is used; the first use as a query counts. */
function useOfVariable(node: Node, context: ScriptContext): Usage | undefined {
  const { syntax, scopes } = context
  let child = node
  for (const ancestor of ancestors(syntax, node)) {
    if (isFunction(ancestor)) return undefined
    if (ancestor.type === 'VariableDeclarator') {
      const { id } = ancestor
      const binding = id.type === 'Identifier' ? scopes.declaredBy(id) : undefined
      const uses =
        binding === undefined ? [] : scopes.references(binding).map((reference) => usageOf(reference, syntax))
      return (
        uses.find((use) => use.kind === 'query') ??
        (uses.length > 0 && uses.every((use) => use.kind === 'not-sql') ? uses[0] : undefined)
      )
    }
    if (
      ancestor.type === 'AssignmentExpression' &&
      ancestor.left.type === 'Identifier' &&
      ancestor.right === child
    ) {
      const binding = scopes.resolve(ancestor.left)
      const uses =
        binding === undefined ? [] : scopes.references(binding).map((reference) => usageOf(reference, syntax))
      return uses.find((use) => use.kind === 'query')
    }
    child = ancestor
  }
  return undefined
}

/** `queue.execute('EXECUTE job')`: a method of many things besides databases, in a module without one. */
function isAnyCommand(call: Node, context: ScriptContext): boolean {
  if (call.type !== 'CallExpression' || !ANY_COMMAND.test(memberName(call.callee) ?? '')) return false
  const receiver = executorOf(call, context.syntax)
  const isKnown = receiver !== undefined && context.identifier.identify(receiver) !== undefined
  return !isKnown && !context.usesPostgres
}

function isOtherDatabase(call: Node | undefined, context: ScriptContext): boolean {
  const receiver = call === undefined ? undefined : executorOf(call, context.syntax)
  const driver = receiver === undefined ? undefined : context.identifier.identify(receiver)?.driver
  if (driver === 'other-database' || driver === 'postgres-http') return true
  return driver === undefined && context.isOtherDatabase
}

/**
 * Text of unknown use must be beyond doubt: English has sentences that parse (`Reset password`,
 * `Listen now`), and a fragment of an UPDATE looks like SET.
 */
function readsLikeSql(
  statement: SqlStatement,
  text: string,
  isNamedSql: boolean,
  context: ScriptContext,
): boolean {
  const { node } = statement
  const word = /^\s*(?:--[^\n]*\n\s*)*(\w+)/.exec(text)?.[1] ?? ''
  const isShouted = word === word.toUpperCase() || isNamedSql
  if ('VariableSetStmt' in node) {
    const { name, kind } = node.VariableSetStmt
    if (name === 'role' || name === 'session_authorization') return isShouted
    return kind !== 'VAR_RESET' && kind !== 'VAR_RESET_ALL' && isSetting(name ?? '')
  }
  if ('ListenStmt' in node || 'ExecuteStmt' in node || 'DeallocateStmt' in node || 'LoadStmt' in node) {
    return isShouted && context.usesPostgres
  }
  return true
}

function runsDirectly(call: Node, context: ScriptContext): boolean {
  const receiver = executorOf(call, context.syntax)
  if (receiver === undefined) return false
  const identity = context.identifier.identify(receiver)
  if (identity?.isDirect === true) return true
  return (
    comesFromDirect(receiver, context.scopes) ||
    context.directLines.some(
      (line) => identity?.origin !== undefined && context.lineOf(identity.origin.start) === line,
    )
  )
}

/** `DROP TABLE name` sent later in the same function. */
function tablesDroppedLater(call: Node, context: ScriptContext): ReadonlySet<string> {
  const owner = [...ancestors(context.syntax, call)].find(isFunction)
  const rest = context.source.slice(call.end, owner?.end ?? context.source.length)
  const names = [...rest.matchAll(/\bDROP\s+(?:TABLE|VIEW)\s+(?:IF\s+EXISTS\s+)?["`]?([\w.]+|\$\{[^}]*\})/gi)]
  return new Set(names.map((match) => match[1]!.replace(/^pg_temp\./i, '').toLowerCase()))
}

/** BEGIN earlier in the same text, with no COMMIT since. */
function insideBatch(statements: readonly SqlStatement[], index: number): boolean {
  let inside = false
  for (const { node } of statements.slice(0, index)) {
    if (!('TransactionStmt' in node)) continue
    const { kind } = node.TransactionStmt
    if (kind === 'TRANS_STMT_BEGIN' || kind === 'TRANS_STMT_START') inside = true
    if (kind === 'TRANS_STMT_COMMIT' || kind === 'TRANS_STMT_ROLLBACK') inside = false
  }
  return inside
}

function confidenceOf(statement: SqlStatement, call: Node | undefined): Confidence {
  if (statement.reading === 'salvaged' && !statement.inRoutine) return call === undefined ? 'low' : 'medium'
  return call === undefined ? 'medium' : 'high'
}
