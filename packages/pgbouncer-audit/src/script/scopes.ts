import { ancestors, isFunction, keyName, type Node, type Syntax } from './syntax.ts'

/** What a name stands for, and where. */
export interface Binding {
  readonly name: string
  readonly kind: 'import' | 'variable' | 'parameter' | 'function' | 'class'
  /** The identifier in the declaration. */
  readonly identifier: Node
  /** The import specifier, declarator, function or class that declares it. */
  readonly declaration: Node
  /** The node inside which the name holds. */
  readonly scope: Node
  /** For `const { a: { b } } = x`: `['a', 'b']`. */
  readonly path: readonly string[]
}

export interface Scopes {
  resolve(identifier: Node & { type: 'Identifier' }): Binding | undefined
  /** Every identifier that refers to the binding, without its declaration. */
  references(binding: Binding): readonly Node[]
  /** The binding that an identifier in a declaration makes. */
  declaredBy(identifier: Node): Binding | undefined
  readonly bindings: readonly Binding[]
}

/** Block scopes and function scopes, near enough to the language: `var` is treated as `let`. */
export function analyseScopes(syntax: Syntax): Scopes {
  const byName = new Map<string, Map<Node, Binding>>()
  const bindings: Binding[] = []
  const declare = (binding: Binding): void => {
    bindings.push(binding)
    const byScope = byName.get(binding.name) ?? new Map<Node, Binding>()
    byName.set(binding.name, byScope)
    if (!byScope.has(binding.scope)) byScope.set(binding.scope, binding)
  }
  for (const node of syntax.nodes) declareFrom(node, syntax, declare)

  const declared = new Map(bindings.map((binding) => [binding.identifier, binding]))
  const identifiers = new Map<string, (Node & { type: 'Identifier' })[]>()
  for (const node of syntax.nodes) {
    if (node.type !== 'Identifier' || declared.has(node) || isNameOnly(node, syntax)) continue
    const others = identifiers.get(node.name)
    if (others === undefined) identifiers.set(node.name, [node])
    else others.push(node)
  }

  const resolve = (identifier: Node & { type: 'Identifier' }): Binding | undefined => {
    const byScope = byName.get(identifier.name)
    if (byScope === undefined) return undefined
    for (const ancestor of ancestors(syntax, identifier)) {
      const binding = byScope.get(ancestor)
      if (binding !== undefined) return binding
    }
    return undefined
  }

  /** Minified code has thousands of variables of one name: all of a name are told apart at once. */
  const uses = new Map<string, Map<Binding, Node[]>>()
  const usesOf = (name: string): Map<Binding, Node[]> => {
    const known = uses.get(name)
    if (known !== undefined) return known
    const found = new Map<Binding, Node[]>()
    uses.set(name, found)
    for (const identifier of identifiers.get(name) ?? []) {
      const binding = resolve(identifier)
      if (binding === undefined) continue
      const others = found.get(binding)
      if (others === undefined) found.set(binding, [identifier])
      else others.push(identifier)
    }
    return found
  }
  const references = (binding: Binding): readonly Node[] => usesOf(binding.name).get(binding) ?? []
  return { resolve, references, declaredBy: (identifier) => declared.get(identifier), bindings }
}

/** `a.name` and `{ name: … }` name a property, not a variable. */
function isNameOnly(node: Node, syntax: Syntax): boolean {
  const parent = syntax.parent(node)
  if (parent?.type === 'MemberExpression') return parent.property === node && !parent.computed
  if (parent?.type === 'Property') return parent.key === node && !parent.computed && !parent.shorthand
  return parent?.type === 'MethodDefinition' || parent?.type === 'PropertyDefinition'
    ? parent.key === node
    : false
}

function declareFrom(node: Node, syntax: Syntax, declare: (binding: Binding) => void): void {
  if (node.type === 'ImportDeclaration') {
    for (const specifier of node.specifiers) {
      const identifier = specifier.local
      declare({
        name: identifier.name,
        kind: 'import',
        identifier,
        declaration: specifier,
        scope: syntax.program,
        path: [],
      })
    }
    return
  }
  if (node.type === 'VariableDeclarator') {
    declarePattern(node.id, [], 'variable', node, enclosingScope(node, syntax), declare)
    return
  }
  if (isFunction(node) && 'params' in node) {
    for (const parameter of node.params as readonly Node[]) {
      declarePattern(parameter, [], 'parameter', node, node, declare)
    }
  }
  if ((node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') && node.id !== null) {
    const kind = node.type === 'ClassDeclaration' ? 'class' : 'function'
    const scope = enclosingScope(node, syntax)
    declare({ name: node.id.name, kind, identifier: node.id, declaration: node, scope, path: [] })
  }
}

function declarePattern(
  pattern: Node,
  path: readonly string[],
  kind: 'variable' | 'parameter',
  declaration: Node,
  scope: Node,
  declare: (binding: Binding) => void,
): void {
  const nested = (inner: Node, innerPath: readonly string[]): void =>
    declarePattern(inner, innerPath, kind, declaration, scope, declare)
  switch (pattern.type) {
    case 'Identifier':
      declare({ name: pattern.name, kind, identifier: pattern, declaration, scope, path })
      return
    case 'AssignmentPattern':
      nested(pattern.left, path)
      return
    case 'TSParameterProperty':
      nested(pattern.parameter, path)
      return
    case 'RestElement':
      nested(pattern.argument, [...path, '...'])
      return
    case 'ArrayPattern':
      for (const [index, element] of pattern.elements.entries()) {
        if (element !== null) nested(element, [...path, String(index)])
      }
      return
    case 'ObjectPattern':
      for (const property of pattern.properties) {
        if (property.type === 'RestElement') nested(property, path)
        else nested(property.value, [...path, keyName(property.key, property.computed) ?? '?'])
      }
      return
    default:
  }
}

const SCOPE_TYPES = new Set([
  'BlockStatement',
  'Program',
  'StaticBlock',
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'SwitchStatement',
  'TSModuleBlock',
  'ArrowFunctionExpression',
])

function enclosingScope(node: Node, syntax: Syntax): Node {
  for (const ancestor of ancestors(syntax, node)) if (SCOPE_TYPES.has(ancestor.type)) return ancestor
  return syntax.program
}
