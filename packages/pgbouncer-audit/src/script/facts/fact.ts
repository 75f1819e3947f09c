import type { Confidence, LibraryFact } from '../../unit.ts'
import type { ScriptContext } from '../context.ts'
import type { Identity } from '../identity.ts'
import { keyName, unwrap, type Node } from '../syntax.ts'

export type Call = Node & { type: 'CallExpression' | 'NewExpression' }
export type ObjectNode = Node & { type: 'ObjectExpression' }
export type Properties = ReadonlyMap<string, Node & { type: 'Property' }>

/** Reports a fact that stands at `node`; `connection` is what it is sent over, as far as that is known. */
export type Add = (fact: LibraryFact, node: Node, confidence: Confidence, connection?: Node) => void

export function properties(object: ObjectNode): Properties {
  const found = new Map<string, Node & { type: 'Property' }>()
  for (const property of object.properties) {
    if (property.type !== 'Property') continue
    const name = keyName(property.key, property.computed)
    if (name !== undefined) found.set(name, property)
  }
  return found
}

/** Values that make a driver send nothing. */
export function isOff(value: Node): boolean {
  if (value.type === 'Identifier') return value.name === 'undefined'
  return value.type === 'Literal' && (value.value === false || value.value === null || value.value === 0)
}

export function constantString(node: Node): string | undefined {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

export function calleeIdentity(
  call: Node & { type: 'CallExpression' },
  context: ScriptContext,
): Identity | undefined {
  const callee = unwrap(call.callee)
  return callee.type === 'MemberExpression' ? context.identifier.identify(callee.object) : undefined
}
