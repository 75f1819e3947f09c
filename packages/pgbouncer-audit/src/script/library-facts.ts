import type { PlacedFact } from '../unit.ts'
import type { ScriptContext } from './context.ts'
import { comesFromDirect, isDirectName } from './direct.ts'
import {
  readConnectionOptions,
  readOptionAssignment,
  readUrl,
  readUrlParameter,
} from './facts/connection-options.ts'
import { properties, type Add, type Call } from './facts/fact.ts'
import { readFunctionByName, readListen } from './facts/listeners-and-locks.ts'
import {
  readDrizzlePrepare,
  readNameAssignment,
  readNamedQuery,
  readPreparedStatement,
} from './facts/named-statements.ts'
import { readImport, readOpening } from './facts/openings.ts'
import { ancestors, memberName, type Node } from './syntax.ts'

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
  for (const node of context.syntax.nodes) readNode(node, context, add)
  return facts
}

function readNode(node: Node, context: ScriptContext, add: Add): void {
  switch (node.type) {
    case 'ObjectExpression': {
      const keys = properties(node)
      readConnectionOptions(node, keys, context, add)
      readNamedQuery(node, keys, context, add)
      return
    }
    case 'CallExpression':
    case 'NewExpression':
      readCall(node, context, add)
      return
    case 'AssignmentExpression':
      readOptionAssignment(node, context, add)
      readNameAssignment(node, context, add)
      return
    case 'ImportDeclaration':
      readImport(node, add)
      return
    case 'Literal':
    case 'TemplateLiteral':
      readUrl(node, context, add)
      return
    default:
  }
}

function readCall(call: Call, context: ScriptContext, add: Add): void {
  const identity = context.identifier.identify(call)
  const method = memberName(call.callee) ?? ''
  if (identity?.origin === call) readOpening(call, identity, context, add)
  if (method === 'PreparedStatement' && (identity === undefined || identity.driver === 'pg-promise'))
    readPreparedStatement(call, add)
  if (call.type !== 'CallExpression') return
  if (method === 'prepare') readDrizzlePrepare(call, context, add)
  readListen(call, method, context, add)
  readUrlParameter(call, context, add)
  readFunctionByName(call, add)
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
  return comesFromDirect(receiver, context.scopes)
}
